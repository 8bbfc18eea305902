import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OTLP_PATHS } from '../../src/kernel/protocol.ts';
import { type Collector, startCollector } from '../support/collector.ts';
import { type Deployment, startDeployment } from '../support/deployment.ts';
import { ask, createDeviceFlow } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { secretsOfFile } from '../support/leaks.ts';
import { readMetrics } from '../support/metrics-page.ts';
import { exportRequest, MEDIA_TYPES } from '../support/otlp-payloads.ts';
import { recordedDestinations, recordingEnv } from '../support/recorded-connections.ts';
import { message } from '../support/upstream.ts';

const PAGES = [
  ...['/v1/models', '/managed/settings', '/user/bootstrap', '/protocol'],
  ...['/', '/device', '/healthz', '/readyz'],
];

let folder: string;
let connections: string;
let deployment: Deployment;
let collector: Collector;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-data-flow-'));
  connections = join(folder, 'connections');
  collector = await startCollector();
  deployment = await startDeployment({
    store: { embedded: await newEmbeddedFolder(join(folder, 'store')) },
    config: {
      metrics: { listen: '127.0.0.1:0' },
      managed: { policies: [{ match: {}, cli: { availableModels: ['sonnet'] }, desktop: {} }] },
      telemetry: { forward_to: [{ url: collector.url }] },
    },
    env: recordingEnv(connections),
    answer: message(),
  });
});

afterAll(async () => {
  await deployment?.close();
  await collector?.close();
  rmSync(folder, { recursive: true, force: true });
});

it('a gateway does all it does with nothing in reach but what its file names', async () => {
  const { gateways, provider, upstream } = deployment;
  const [gateway] = gateways;
  const flow = createDeviceFlow(gateway);
  const signedIn = await flow.signIn();
  const { access_token: bearer, refresh_token: renewed } = (await flow.refresh(signedIn.refresh_token)).json;
  secretsOfFile.add('a mirabelle');
  const body = JSON.stringify({
    model: 'claude-sonnet-4-5',
    max_tokens: 9,
    messages: [{ role: 'user', content: 'a mirabelle' }],
  });
  const asked = { bearer: String(bearer), headers: { 'content-type': 'application/json' } };
  for (const path of ['/v1/messages', '/v1/messages/count_tokens'])
    expect((await ask(gateway.url + path, { ...asked, body })).status).toBe(200);
  for (const path of PAGES)
    expect((await ask(gateway.url + path, { bearer: String(bearer) })).status).toBe(200);
  const exported = await fetch(gateway.url + OTLP_PATHS.metrics, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': MEDIA_TYPES.protobuf },
    body: new Uint8Array(exportRequest('metrics', 'protobuf')),
  });
  expect(exported.status).toBe(200);
  await readMetrics(gateway);
  expect((await flow.revoke(String(renewed))).status).toBe(200);
  expect(await gateway.stop()).toBe(0);

  const named = [provider.issuer, upstream.url, collector.url].map((url) => new URL(url).host);
  expect(recordedDestinations(connections)).toEqual(named.sort());
});
