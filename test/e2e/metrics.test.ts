import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Deployment, SECRETS, startDeployment } from '../support/deployment.ts';
import { ask, createDeviceFlow } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { expectNoLeaks } from '../support/leaks.ts';
import { readMetrics } from '../support/metrics-page.ts';
import {
  answerEvents,
  json,
  message,
  reset,
  type StandInUpstream,
  startStream,
  startUpstream,
  stream,
} from '../support/upstream.ts';

const MODEL = 'claude-sonnet-4-5';
const SESSION = 'session-id-of-the-client';
const prompt = { model: MODEL, max_tokens: 64, messages: [{ role: 'user', content: 'a kumquat' }] };

let folder: string;
let first: StandInUpstream;
let second: StandInUpstream;
let deployment: Deployment;
let url: string;
let flow: ReturnType<typeof createDeviceFlow>;
let accessToken: string;
let refreshToken: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-metrics-'));
  first = await startUpstream();
  second = await startUpstream();
  const upstream = (name: string, { url: baseUrl }: StandInUpstream) => ({
    name,
    provider: 'anthropic',
    base_url: baseUrl,
    auth: { api_key: SECRETS.upstreamKey },
  });
  deployment = await startDeployment({
    store: { embedded: await newEmbeddedFolder(join(folder, 'store')) },
    config: {
      metrics: { listen: '127.0.0.1:0' },
      upstreams: [upstream('first', first), upstream('second', second)],
      managed: { policies: [{ match: {}, cli: { availableModels: ['sonnet', 'haiku'] } }] },
    },
  });
  [{ url }] = deployment.gateways;
  flow = createDeviceFlow({ url });
  ({ access_token: accessToken, refresh_token: refreshToken } = await flow.signIn());
});

afterAll(async () => {
  await deployment?.close();
  await Promise.all([first.close(), second.close()]);
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  first.answer = message();
  second.answer = message();
});

const page = () => readMetrics(deployment.gateways[0]);
const requests = 'sallyport_inference_requests_total';

function post(body: object, path = '/v1/messages'): Promise<IncomingMessage> {
  const bytes = Buffer.from(JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${accessToken}`,
      'content-type': 'application/json',
      'x-claude-code-session-id': SESSION,
    };
    const sent = httpRequest(url + path, { method: 'POST', agent: false, headers }, resolve);
    sent.on('error', reject);
    sent.end(bytes);
  });
}

/** Reads an answer to its end, good or bad, and waits until it is written down: then it is counted. */
async function recorded(answer: IncomingMessage): Promise<Record<string, unknown>> {
  answer.on('error', () => undefined);
  answer.resume();
  await new Promise<void>((resolve) => (answer.closed ? resolve() : answer.once('close', () => resolve())));
  const id = answer.headers['request-id'];
  return deployment.gateways[0].event('inference', (event) => event['request_id'] === id);
}

/** What a request adds to the figures of these names and labels. */
async function added(
  work: () => Promise<unknown>,
  ...figures: readonly (readonly [string, Readonly<Record<string, string>>?])[]
): Promise<readonly number[]> {
  const before = await page();
  await work();
  const after = await page();
  return figures.map(([name, labels]) => after.value(name, labels) - before.value(name, labels));
}

describe('the figures of a real gateway', () => {
  it('count a whole answer once, with its tokens and its times', async () => {
    const labels = { endpoint: 'messages', model: MODEL, upstream: 'first' };
    const tokens = (kind: string) =>
      ['sallyport_tokens_total', { model: MODEL, upstream: 'first', kind }] as const;
    const figures = await added(
      async () => recorded(await post(prompt)),
      [requests, { ...labels, status: '200', outcome: 'complete' }],
      [requests],
      ['sallyport_inference_duration_seconds_count', labels],
      ['sallyport_inference_time_to_first_byte_seconds_count', labels],
      ['sallyport_http_requests_total', { route: '/v1/messages', status: '200' }],
      tokens('input'),
      tokens('output'),
      tokens('cache_read'),
      tokens('cache_write'),
    );
    expect(figures).toEqual([1, 1, 1, 1, 1, 12, 3, 4, 5]);
  });

  it('have a stream open while it runs, and count its tokens at its end', async () => {
    const events = answerEvents(['ele', 'phant'], 17);
    const goOn = Promise.withResolvers<void>();
    first.answer = async (_request, response) => {
      startStream(response);
      response.write(events[0]);
      await goOn.promise;
      response.end(events.slice(1).join(''));
    };
    const tokens = { model: MODEL, upstream: 'first', kind: 'output' };
    const [output] = await added(async () => {
      const answer = await post({ ...prompt, stream: true });
      await once(answer, 'data');
      const during = await page();
      expect(during.value('sallyport_open_streams')).toBe(1);
      expect(during.value('sallyport_open_requests')).toBe(1);
      goOn.resolve();
      await recorded(answer);
    }, ['sallyport_tokens_total', tokens]);
    expect(output).toBe(17);
    const after = await page();
    expect(after.value('sallyport_open_streams')).toBe(0);
    await expect.poll(async () => (await page()).value('sallyport_open_requests')).toBe(0);
  });

  it('tell a client that left from an upstream that broke', async () => {
    const served = { endpoint: 'messages', status: '200', model: MODEL };
    first.answer = (_request, response) => {
      startStream(response);
      response.write(answerEvents(['x'])[0]);
    };
    const leave = async () => {
      const answer = await post({ ...prompt, stream: true });
      await once(answer, 'data');
      answer.destroy();
      await recorded(answer);
    };
    expect(await added(leave, [requests, { ...served, upstream: 'first', outcome: 'client_left' }])).toEqual([
      1,
    ]);
    first.answer = (_request, response) => {
      startStream(response);
      response.write(answerEvents(['x']).slice(0, 3).join(''), () => response.socket?.resetAndDestroy());
    };
    expect(
      await added(
        async () => recorded(await post({ ...prompt, stream: true })),
        [requests, { ...served, upstream: 'first', outcome: 'upstream_broke' }],
      ),
    ).toEqual([1]);
  });

  it('count what was refused: the model where the catalog has it, other where not, and strangers by route', async () => {
    const refused = { endpoint: 'messages', outcome: 'refused', upstream: '' };
    const figures = await added(
      async () => {
        await recorded(await post({ ...prompt, model: 'claude-opus-4-5' }));
        await recorded(await post({ ...prompt, model: 'a kumquat in the model' }));
        expect((await ask(`${url}/v1/messages`, { bearer: 'nobody', body: '{}' })).status).toBe(401);
        expect((await ask(`${url}/somebody@example.com`)).status).toBe(404);
        await deployment.gateways[0].event('auth.denied');
      },
      [requests, { ...refused, model: 'claude-opus-4-5' }],
      [requests, { ...refused, model: 'other' }],
      [requests],
      ['sallyport_http_requests_total', { route: '/v1/messages', status: '401' }],
      ['sallyport_http_requests_total', { route: 'other', status: '404' }],
      ['sallyport_audit_events_total', { event: 'auth.denied', result: 'invalid_token' }],
    );
    expect(figures).toEqual([1, 1, 2, 1, 1, 1]);
  });

  it('count attempts beyond the first, and who served in the end', async () => {
    first.answer = reset;
    const figures = await added(
      async () => recorded(await post({ ...prompt, model: 'claude-haiku-4-5' })),
      ['sallyport_failovers_total'],
      [requests, { model: 'claude-haiku-4-5', upstream: 'second', status: '200', outcome: 'complete' }],
    );
    expect(figures).toEqual([1, 1]);
  });

  it('know count_tokens from messages', async () => {
    first.answer = json(200, { input_tokens: 7 });
    second.answer = json(200, { input_tokens: 7 });
    const counted = async () => recorded(await post(prompt, '/v1/messages/count_tokens'));
    expect(await added(counted, [requests, { endpoint: 'count_tokens', status: '200' }])).toEqual([1]);
  });

  it('count sign-ins and refreshes', async () => {
    const events = (event: string) => ['sallyport_audit_events_total', { event, result: 'ok' }] as const;
    const figures = await added(
      async () => {
        const { refresh_token: token } = await flow.signIn();
        expect((await flow.refresh(token)).status).toBe(200);
      },
      events('session.mint'),
      events('session.refresh'),
    );
    expect(figures).toEqual([1, 1]);
  });

  it('are those of the audit log', async () => {
    second.answer = stream(...answerEvents(['a'], 5));
    await recorded(await post({ ...prompt, stream: true }));
    const read = await page();
    const events = deployment.gateways[0].events('inference');
    expect(read.value(requests)).toBe(events.length);
    for (const outcome of ['complete', 'client_left', 'upstream_broke', 'refused'])
      expect([outcome, read.value(requests, { outcome })]).toEqual([
        outcome,
        events.filter((event) => event['outcome'] === outcome).length,
      ]);
    const output = events.reduce((sum, event) => sum + Number(event['output_tokens'] ?? 0), 0);
    expect(read.value('sallyport_tokens_total', { kind: 'output' })).toBe(output);
    const cooldowns = deployment.gateways[0].events('upstream.cooldown');
    expect(read.value('sallyport_upstream_cooldowns_total')).toBe(
      cooldowns.filter(({ state }) => state === 'started').length,
    );
    expect(read.value('sallyport_audit_lines_lost_total')).toBe(0);
    expect(read.value('sallyport_store_seconds_count')).toBeGreaterThan(0);
    expect(read.value('sallyport_store_circuit_open')).toBe(0);
    expect(read.value('sallyport_build_info')).toBe(1);
  });

  it('name nobody, and hold nothing of what was said or shown', async () => {
    const [event] = deployment.gateways[0].events('inference');
    const { sub, email } = event ?? {};
    expect(String(sub).length * String(email).length).toBeGreaterThan(0);
    const secrets = [...Object.values(SECRETS), accessToken, refreshToken, SESSION, 'kumquat', 'elephant'];
    const { text } = await page();
    expectNoLeaks([text], [...secrets, String(sub), String(email), 'somebody', '127.0.0.1', 'example.com']);
  });
});

it('a gateway whose metrics address is taken does not start, and names the key', async () => {
  const taken = createServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const [config] = deployment.configs;
  const started = deployment.start({
    ...config,
    listen: { host: '127.0.0.1', port: 0, public_url: deployment.publicUrl },
    store: { embedded: await newEmbeddedFolder(join(folder, 'another')) },
    metrics: { listen: `127.0.0.1:${port}` },
  });
  await expect(started).rejects.toThrow(
    new RegExp(`metrics\\.listen: 127\\.0\\.0\\.1:${port} is in use by another process`),
  );
  taken.close();
}, 90_000);
