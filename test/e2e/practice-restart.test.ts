import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDeviceFlow } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { freePort } from '../support/free-port.ts';
import { type GatewayProcess, startGatewayProcess, transcript } from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';

let folder: string;
let config: string;
let gateway: GatewayProcess;

const start = () => startGatewayProcess({ config, args: ['--dev', '--data', join(folder, 'data')] });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-restart-'));
  config = JSON.stringify({ listen: { port: await freePort() } });
  await newEmbeddedFolder(join(folder, 'data/store'));
  gateway = await start();
});

afterAll(async () => {
  await gateway?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('gateway --dev --data, started again, renews the sessions it had', async () => {
  const flow = createDeviceFlow(gateway);
  const first = await flow.signIn();
  await gateway.stop();
  gateway = await start();
  const second = await flow.refresh(first.refresh_token);
  expect(second.status).toBe(200);
  await gateway.stop('SIGKILL');
  gateway = await start();
  const third = await flow.refresh(String(second.json['refresh_token']));
  expect(third.status).toBe(200);
  expectNoLeaks(transcript, [first.refresh_token, String(third.json['access_token'])]);
});
