import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Deployment, startDeployment } from '../support/deployment.ts';
import { ask, createDeviceFlow } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { createTestDatabase, describeWithPostgres, type TestDatabase } from '../support/postgres.ts';
import { answerEvents, startStream } from '../support/upstream.ts';

const OPUS = 'claude-opus-4-8';
const HAIKU = 'claude-haiku-4-5';
const MANAGED = {
  policies: [
    { match: { groups: ['contractors'] }, cli: { availableModels: ['haiku'], model: 'haiku' } },
    { match: {}, cli: { permissions: { deny: ['WebFetch'] } }, desktop: { disableAutoUpdates: true } },
  ],
};
const TELEMETRY = { forward_to: [{ url: 'https://otel.example.com' }] };

/** Edits the file of a running gateway, and has it read again. */
async function change(gateway: GatewayProcess, sections: Readonly<Record<string, unknown>> | string) {
  const { path } = await gateway.event('config.load');
  const file = String(path);
  const text =
    typeof sections === 'string'
      ? sections
      : JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...sections });
  writeFileSync(file, text);
  gateway.child.kill('SIGHUP');
}

describe('a developer whose gateway has policies', () => {
  const groups = ['eng'];
  const person = { sub: 'ada', name: 'Ada', email: 'ada@example.test', groups, about: 'changes groups' };
  let folder: string;
  let deployment: Deployment;
  let gateway: GatewayProcess;
  let session: { access_token: string; refresh_token: string };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-policies-'));
    deployment = await startDeployment({
      store: { embedded: await newEmbeddedFolder(join(folder, 'store')) },
      people: [person],
      oidc: { scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'] },
      config: { managed: MANAGED, telemetry: TELEMETRY },
    });
    [gateway] = deployment.gateways;
    session = await createDeviceFlow(gateway).signIn('ada');
  });

  afterAll(async () => {
    await deployment?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    ask(`${gateway.url}${path}`, { bearer: session.access_token, headers });
  const askModel = (model: string, headers: Readonly<Record<string, string>> = {}) =>
    ask(`${gateway.url}/v1/messages`, {
      bearer: session.access_token,
      body: JSON.stringify({ model, max_tokens: 9, messages: [] }),
      headers: { 'content-type': 'application/json', ...headers },
    });

  it('gets settings with the variables of telemetry, and 304 for those that are known', async () => {
    const first = await get('/managed/settings');
    expect(first.status).toBe(200);
    expect(first.json).toMatchObject({
      settings: {
        permissions: { deny: ['WebFetch'] },
        env: {
          CLAUDE_CODE_ENABLE_TELEMETRY: '1',
          OTEL_METRICS_EXPORTER: 'otlp',
          OTEL_LOGS_EXPORTER: 'none',
          OTEL_TRACES_EXPORTER: 'none',
          OTEL_EXPORTER_OTLP_ENDPOINT: deployment.publicUrl,
          OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
        },
      },
    });
    const known = await get('/managed/settings', { 'if-none-match': first.headers.get('etag') ?? '' });
    expect(known.status).toBe(304);
    expect(known.headers.get('x-cc-gateway-version')).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('gets the document of Claude Desktop', async () => {
    const answer = await get('/user/bootstrap');
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      inferenceProvider: 'gateway',
      inferenceGatewayBaseUrl: deployment.publicUrl,
      disableAutoUpdates: true,
      disabledBuiltinTools: ['WebFetch'],
      otlpResourceAttributes: { 'user.email': 'ada@example.test', 'user.groups': 'eng', 'enduser.id': 'ada' },
    });
    expect(await gateway.event('desktop_bootstrap.serve')).toMatchObject({ sub: 'ada', status: 200 });
  });

  it('gets nothing of either without a session', async () => {
    for (const path of ['/managed/settings', '/user/bootstrap'])
      expect((await ask(`${gateway.url}${path}`)).status).toBe(401);
  });

  it('leaves a mark of the settings it reports, which tells nobody what they are', async () => {
    const checksum = String((await get('/managed/settings')).json['checksum']);
    const header = { 'x-claude-code-managed-settings-checksum': checksum };
    expect((await askModel(OPUS, header)).status).toBe(200);
    const recorded = await gateway.event('inference', (event) => event['settings_mark'] !== undefined);
    expect(recorded['settings_mark']).toMatch(/^[0-9a-f]{16}$/);
    expect(checksum).not.toContain(String(recorded['settings_mark']));
    expect(JSON.stringify(deployment.upstream.requests.at(-1)?.headers)).not.toContain(checksum);
  });

  it('has another policy at the next refresh after the provider changed the groups', async () => {
    expect((await askModel(OPUS)).status).toBe(200);
    const before = (await get('/managed/settings')).headers.get('etag') ?? '';
    groups.splice(0, 1, 'contractors');
    expect((await get('/managed/settings', { 'if-none-match': before })).status).toBe(304);

    const refreshed = await createDeviceFlow(gateway).refresh(session.refresh_token);
    session = JSON.parse(refreshed.text);
    const denied = await askModel(OPUS);
    expect(denied.status).toBe(400);
    expect(denied.json).toMatchObject({ error: { type: 'invalid_request_error' } });
    expect((await askModel(HAIKU)).status).toBe(200);
    const after = await get('/managed/settings', { 'if-none-match': before });
    expect(after.status).toBe(200);
    expect(after.json).toMatchObject({ settings: { model: 'haiku', permissions: { deny: ['WebFetch'] } } });
    expect((await get('/v1/models')).text).not.toContain('opus');
  });

  it('has a changed policy at the next poll after SIGHUP, while a stream goes on to its end', async () => {
    const before = await get('/managed/settings');
    let finish = (): void => undefined;
    deployment.upstream.answer = async (_request, response) => {
      startStream(response);
      const [first, ...others] = answerEvents(['x']);
      response.write(first);
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      response.end(others.join(''));
    };
    const stream = await openStream(gateway.url, session.access_token, HAIKU);

    const [contractors, everybody] = MANAGED.policies;
    const policies = [{ ...contractors, cli: { availableModels: ['sonnet'], model: 'sonnet' } }, everybody];
    await change(gateway, { managed: { policies }, shutdown: { grace_seconds: 7 } });
    await gateway.line(/SIGHUP: in force from now on: managed$/);
    await gateway.line(/SIGHUP: changed, but read at start only, so restart for it: shutdown$/);

    const after = await get('/managed/settings', { 'if-none-match': before.headers.get('etag') ?? '' });
    expect(after.status).toBe(200);
    expect(after.json).toMatchObject({ settings: { model: 'sonnet' } });
    expect((await askModel(HAIKU)).status).toBe(400);
    finish();
    expect(await restOf(stream)).toContain('message_stop');
    expect(gateway.events('config.reload').at(-1)).toMatchObject({ result: 'ok' });
  });

  it('keeps its policy when the file is broken, and the log says where', async () => {
    const before = (await get('/managed/settings')).json['checksum'];
    await change(gateway, { managed: { policies: [{ match: {}, cli: { modle: 'opus' } }] } });
    await gateway.line(
      /error .*managed\.policies\[0\]\.cli\.modle is no settings key .*did you mean model\?/,
    );
    await gateway.line(/SIGHUP: the configuration was not applied/);
    await change(gateway, '{ not yaml');
    await gateway.event('config.reload', () => gateway.events('config.reload').length >= 3);
    expect((await get('/managed/settings')).json['checksum']).toBe(before);
    expect(gateway.events('config.reload').slice(1)).toMatchObject([
      { result: 'invalid' },
      { result: 'invalid' },
    ]);
  });
});

describeWithPostgres('a gateway of two workers', () => {
  let database: TestDatabase;
  let deployment: Deployment;

  beforeAll(async () => {
    database = await createTestDatabase();
    deployment = await startDeployment({
      store: { postgres_url: database.url },
      args: ['--workers', '2'],
      config: { managed: MANAGED },
    });
  });

  afterAll(async () => {
    await deployment?.close();
    await database?.drop();
  });

  it('has a changed policy in force in each of them after one SIGHUP', async () => {
    const [gateway] = deployment.gateways;
    const listening = () => gateway.lines.filter((line) => /listening on/.test(line)).length;
    await expect.poll(listening, { timeout: 30_000 }).toBe(2);
    const { access_token: bearer } = await createDeviceFlow(gateway).signIn();
    await change(gateway, { managed: { policies: [{ match: {}, cli: { model: 'sonnet' } }] } });
    await expect.poll(() => gateway.events('config.reload').length, { timeout: 10_000 }).toBe(2);
    const served = () => new Set(gateway.events('managed.serve').map(({ worker }) => worker)).size;
    // Which worker takes a connection is the kernel's choice.
    for (let asked = 0; served() < 2 && asked < 500; asked += 1) {
      const { json } = await ask(`${gateway.url}/managed/settings`, {
        bearer,
        headers: { connection: 'close' },
      });
      expect(json['settings']).toEqual({ model: 'sonnet' });
    }
    expect(served()).toBe(2);
  });
});

async function openStream(url: string, bearer: string, model: string): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
  const sent = httpRequest(`${url}/v1/messages`, { method: 'POST', agent: false, headers });
  sent.end(JSON.stringify({ model, max_tokens: 9, stream: true, messages: [] }));
  const [answer]: IncomingMessage[] = await once(sent, 'response');
  if (!answer) throw new Error('no answer');
  await once(answer, 'readable');
  return answer;
}

async function restOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return text;
}
