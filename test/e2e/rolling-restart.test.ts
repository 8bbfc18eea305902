import { readFileSync } from 'node:fs';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Deployment, SECRETS, startDeployment } from '../support/deployment.ts';
import { ask, createDeviceFlow } from '../support/device-flow.ts';
import { freePort } from '../support/free-port.ts';
import { type GatewayProcess, transcript } from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';
import { hasNginx, type Nginx, startNginx } from '../support/nginx.ts';
import { createTestDatabase, hasPostgres, type TestDatabase } from '../support/postgres.ts';
import { startSteadyLoad } from '../support/steady-load.ts';
import { type Answerer, answerEvents, message, startStream } from '../support/upstream.ts';

const PAGE = readFileSync(fileURLToPath(new URL('../../docs/reverse-proxy.md', import.meta.url)), 'utf8');
const EVENTS = answerEvents(['qu', 'in', 'ce']);

/** The page's nginx block at the test's addresses, without TLS; each change must find what it changes. */
function siteOnPage(publicPort: number, ports: readonly number[]): string {
  const [, block = ''] = /```nginx\n(.*?)```/s.exec(PAGE) ?? [];
  const changes: readonly (readonly [RegExp, string])[] = [
    [/10\.0\.0\.11:8080/, `127.0.0.1:${ports[0]}`],
    [/10\.0\.0\.12:8080/, `127.0.0.1:${ports[1]}`],
    [/listen 443 ssl;/, `listen 127.0.0.1:${publicPort};`],
    [/^ *ssl_certificate.*\n *ssl_certificate_key.*\n/m, ''],
  ];
  return changes.reduce((site, [pattern, replacement]) => {
    expect(site).toMatch(pattern);
    return site.replace(pattern, replacement);
  }, block);
}

/** A whole message, or a stream of some 250 ms, as asked for. */
const answer: Answerer = async (request, response) => {
  if (!request.body.includes('"stream":true')) return message()(request, response);
  startStream(response);
  for (const event of EVENTS) {
    response.write(event);
    await delay(30);
  }
  response.end();
};

describe.skipIf(!hasNginx || !hasPostgres)('two replicas behind the nginx of docs/reverse-proxy.md', () => {
  let database: TestDatabase;
  let deployment: Deployment;
  let nginx: Nginx;
  let gateways: GatewayProcess[];
  let url: string;
  let flow: ReturnType<typeof createDeviceFlow>;
  let accessToken: string;
  const tokens: string[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    database = await createTestDatabase();
    deployment = await startDeployment({
      replicas: 2,
      store: { postgres_url: database.url },
      publicUrl: url,
      listen: { trusted_proxies: ['127.0.0.1/32'] },
      config: { shutdown: { delay_seconds: 2 } },
      answer,
    });
    gateways = [...deployment.gateways];
    nginx = await startNginx(
      siteOnPage(
        port,
        gateways.map((gateway) => Number(new URL(gateway.url).port)),
      ),
      port,
    );
    flow = createDeviceFlow({ url });
    accessToken = (await signIn()).access_token;
  });

  afterAll(async () => {
    agent.destroy();
    await nginx?.stop();
    await deployment?.close();
    await database?.drop();
  });

  beforeEach(() => {
    deployment.upstream.answer = answer;
  });

  async function signIn() {
    const signedIn = await flow.signIn();
    tokens.push(signedIn.access_token, signedIn.refresh_token);
    return signedIn;
  }

  /** Posts and hands back the answer once its head is here. */
  function post(body: object, options: { localAddress?: string; headers?: Record<string, string> } = {}) {
    const headers = {
      authorization: `Bearer ${accessToken}`,
      'content-type': 'application/json',
      ...options.headers,
    };
    const { localAddress } = options;
    return new Promise<IncomingMessage>((resolve, reject) => {
      const from = localAddress === undefined ? { agent } : { agent: false, localAddress };
      const sent = httpRequest(`${url}/v1/messages`, { method: 'POST', headers, ...from }, resolve);
      sent.once('error', reject);
      sent.end(JSON.stringify(body));
    });
  }

  const prompt = (stream: boolean, content = 'a quince') => ({
    model: 'claude-sonnet-4-5',
    max_tokens: 9,
    stream,
    messages: [{ role: 'user', content }],
  });

  /** One request that must be answered whole. */
  async function served(body: object, end: RegExp): Promise<void> {
    const response = await post(body);
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    if (response.statusCode !== 200 || !end.test(text)) throw new Error(`${response.statusCode} ${text}`);
  }

  /** A developer who renews the session all the time. */
  async function renewing(): Promise<() => Promise<void>> {
    let { refresh_token: token } = await signIn();
    return async () => {
      const renewed = await flow.refresh(token);
      if (renewed.status !== 200) throw new Error(`refresh: ${renewed.status} ${renewed.text}`);
      token = String(renewed.json['refresh_token']);
      tokens.push(token, String(renewed.json['access_token']));
      const models = await ask(`${url}/v1/models`, { bearer: String(renewed.json['access_token']) });
      if (models.status !== 200) throw new Error(`models: ${models.status} ${models.text}`);
    };
  }

  it('streams arrive as they are made', async () => {
    const goOn = Promise.withResolvers<void>();
    deployment.upstream.answer = async (_request, response) => {
      startStream(response);
      response.write(EVENTS[0]);
      await goOn.promise;
      response.end(EVENTS.slice(1).join(''));
    };
    const response = (await post(prompt(true))).setEncoding('utf8');
    let text = '';
    response.on('data', (piece: string) => {
      text += piece;
      if (text.includes('message_start')) goOn.resolve();
    });
    await new Promise((resolve) => response.once('end', resolve));
    expect(text).toContain('message_stop');
  });

  it('the client is who connects to nginx, whatever it says of itself', async () => {
    const response = await post(prompt(false), {
      localAddress: '127.0.0.77',
      headers: { 'x-forwarded-for': '203.0.113.9' },
    });
    response.resume();
    const isFromThere = (event: Record<string, unknown>) => event['client_ip'] === '127.0.0.77';
    await Promise.any(gateways.map((gateway) => gateway.event('inference', isFromThere)));
    expect(transcript.join('\n')).not.toContain('203.0.113.9');
  });

  it('a body of many megabytes is taken, and never written to nginx’s disk', async () => {
    await served(prompt(false, 'quince '.repeat(1_500_000)), /end_turn/);
    expect(nginx.log()).toEqual([]);
  });

  it('are restarted one by one under load, and no request fails', async () => {
    const load = startSteadyLoad([
      ...Array.from({ length: 8 }, () => () => served(prompt(false), /end_turn/)),
      ...Array.from({ length: 8 }, () => () => served(prompt(true), /event: message_stop\n.*\n\n$/)),
      await renewing(),
      await renewing(),
    ]);
    await load.more(100);
    for (const [i, config] of deployment.configs.entries()) {
      const before = gateways[i];
      expect(await before?.stop()).toBe(0);
      await load.more(50);
      const after = await deployment.start(config);
      gateways[i] = after;
      expect((await ask(`${after.url}/readyz`)).status).toBe(200);
      await after.event('inference');
      await load.more(100);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.done).toBeGreaterThan(400);
    const outcomes = transcript.flatMap(
      (line) => /"evt":"inference".*"outcome":"(\w+)"/.exec(line)?.[1] ?? [],
    );
    expect(new Set(outcomes)).toEqual(new Set(['complete']));
  }, 120_000);

  it('nothing secret was printed', () => {
    expectNoLeaks([...transcript, ...nginx.log()], [...Object.values(SECRETS), ...tokens, 'quince']);
  });
});
