import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditEvents } from '../../src/gateway/audit/events.ts';
import { auditEventSchema } from '../../src/gateway/doors/audit-event-schema.ts';
import { paths } from '../../src/kernel/protocol.ts';
import { type Deployment, SECRETS, startDeployment } from '../support/deployment.ts';
import { ask, createDeviceFlow } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { type GatewayProcess, startGatewayProcess, transcript } from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';

const run = promisify(execFile);
const cli = fileURLToPath(new URL('../../bin/cli.js', import.meta.url));
const env = { CLAUDE_GATEWAY_ALLOW_LOOPBACK: '1' };

describe('rotating the signing secret of a running gateway', () => {
  let folder: string;
  let file: string;
  let deployment: Deployment;
  let gateway: GatewayProcess;
  let flow: ReturnType<typeof createDeviceFlow>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-rotation-'));
    file = join(folder, 'gateway.yaml');
    deployment = await startDeployment({
      store: { embedded: await newEmbeddedFolder(join(folder, 'store')) },
    });
    gateway = deployment.gateways[0];
    flow = createDeviceFlow(gateway);
    await writeFile(file, JSON.stringify(deployment.configs[0], null, 2));
  });

  afterAll(async () => {
    await gateway?.stop();
    await deployment?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const rotate = async (...args: readonly string[]): Promise<string> => {
    const { stdout, stderr } = await run(
      process.execPath,
      [cli, 'rotate-secret', '--config', file, ...args],
      {
        env: { PATH: process.env['PATH'], ...env },
      },
    );
    transcript.push(stdout, stderr);
    return stderr;
  };

  const restart = async (): Promise<void> => {
    await gateway.stop();
    gateway = await startGatewayProcess({ config: await readFile(file, 'utf8'), env });
  };

  const models = async (accessToken: string): Promise<number> => {
    const answer = await ask(gateway.url + paths.models, { bearer: accessToken });
    return answer.status;
  };

  it('ends no session that is in use, and afterwards the old secret opens nothing', async () => {
    const before = await flow.signIn();
    expect(await models(before.access_token)).toBe(200);

    expect(await rotate()).toContain('the new secret signs, the old ones still verify');
    // It is running with the old file, and goes on.
    expect(await models(before.access_token)).toBe(200);
    await restart();
    expect(await models(before.access_token)).toBe(200);
    const renewed = await flow.refresh(before.refresh_token);
    expect(renewed.status).toBe(200);
    const after = JSON.parse(renewed.text);

    // The store cannot be looked into while the gateway holds it.
    expect(await rotate('--finish', '--force')).toContain('were not counted');
    await restart();
    expect(await models(after.access_token)).toBe(200);
    expect((await flow.refresh(after.refresh_token)).status).toBe(200);
    expect(await models(before.access_token)).toBe(401);
    expect((await flow.refresh(before.refresh_token)).status).toBe(401);
  });

  it('ends every session when it is replaced outright', async () => {
    const { access_token: accessToken } = await flow.signIn();
    expect(await rotate('--now')).toContain('Every session ends');
    await restart();
    expect(await models(accessToken)).toBe(401);
    expect(await models((await flow.signIn()).access_token)).toBe(200);
  });

  it('leaves an audit trail that its schema describes', async () => {
    const isValid = new Ajv2020({ strict: false, validateFormats: false }).compile(auditEventSchema());
    const events = gateway.events();
    expect(events.map(({ evt }) => evt)).toEqual(expect.arrayContaining(['config.load', 'session.mint']));
    expect(events.filter((event) => !isValid(event))).toEqual([]);
    const fieldsOf = (name: string) => Object.keys(auditEvents[name as keyof typeof auditEvents].fields);
    const shared = ['ts', 'evt', 'request_id', 'seq', 'lost'];
    const undescribed = events.flatMap(({ evt, ...fields }) =>
      Object.keys(fields).filter((field) => ![...shared, ...fieldsOf(String(evt))].includes(field)),
    );
    expect(undescribed).toEqual([]);
  });

  it('has printed no secret', async () => {
    const secrets = [...(await readFile(file, 'utf8')).matchAll(/"([\w-]{43})"/g)].map(
      ([, found = '']) => found,
    );
    expect(secrets).toHaveLength(1);
    expectNoLeaks([...transcript], [...secrets, ...Object.values(SECRETS)]);
  });
});
