import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHeaderPicker } from '../../../src/gateway/upstream/request-headers.ts';
import { answerHeaders } from '../../../src/gateway/upstream/response-headers.ts';
import { secret } from '../../../src/kernel/secret.ts';
import {
  post,
  request,
  startInferenceGateway,
  type TestGateway,
  type TestGatewayOptions,
  type TestUpstream,
} from '../../support/inference-gateway.ts';
import { type Received, type StandInUpstream, startUpstream } from '../../support/upstream.ts';

let upstream: StandInUpstream;
let gateway: TestGateway | undefined;

async function sent(
  headers: Record<string, string | string[]>,
  options: TestUpstream['options'] = {},
  gatewayOptions: TestGatewayOptions = {},
): Promise<Received> {
  gateway = await startInferenceGateway([{ name: 'a', url: upstream.url, options }], gatewayOptions);
  await post(gateway, request, { headers });
  return upstream.request();
}

beforeEach(async () => {
  upstream = await startUpstream();
});

afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
  await upstream.close();
});

describe('towards the upstream', () => {
  const passed = {
    accept: 'text/event-stream',
    'anthropic-version': '2026-10-21',
    'anthropic-beta': 'a-1,b-2',
    'anthropic-dangerous-direct-browser-access': 'true',
    'anthropic-something-new': 'x',
    'content-type': 'application/json; charset=utf-8',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    'user-agent': 'claude-cli/9',
    'x-app': 'cli',
    'x-claude-code-session-id': 'session-1',
    'x-claude-code-agent-id': 'agent-1',
    'x-stainless-lang': 'js',
  };
  const withheld = {
    authorization: 'Bearer developer-session',
    'x-api-key': 'developer-session',
    cookie: 'a=b',
    'accept-encoding': 'gzip, br',
    'accept-language': 'en',
    'anthropic-workspace-id': 'wrkspc_1',
    'anthropic-organization-id': 'org_1',
    'x-claude-code-managed-settings-checksum': 'sha256:00',
    'x-forwarded-for': '198.51.100.1',
    'x-forwarded-proto': 'https',
    forwarded: 'for=198.51.100.1',
    'x-real-ip': '198.51.100.1',
    'proxy-authorization': 'Basic x',
    te: 'trailers',
    tracestate: 'a=b',
    'x-client-request-id': 'c-1',
    origin: 'https://example.test',
    referer: 'https://example.test/',
  };

  it("go exactly the headers of the table, with the gateway's own credential", async () => {
    const received = await sent({ ...passed, ...withheld });
    const { host, connection, 'content-length': length, ...rest } = received.headers;
    expect(rest).toEqual({ ...passed, 'x-api-key': 'sk-ant-api-upstream', 'accept-encoding': 'identity' });
    expect(host).toBe(new URL(upstream.url).host);
    expect(connection).toBe('keep-alive');
    expect(length).toBe(String(received.body.length));
  });

  it('goes an API version and a content type even when the client names none', async () => {
    const { headers } = await sent({ 'content-type': [] });
    expect(headers['anthropic-version']).toBe('2023-06-01');
    expect(headers['content-type']).toBe('application/json');
  });

  it('go several lines of betas as one list', async () => {
    const { headers } = await sent({ 'anthropic-beta': ['a-1', 'b-2, request-tags-2026-08-21'] });
    expect(headers['anthropic-beta']).toBe('a-1,b-2');
  });

  it("goes no beta header when the gateway's own was the only one", async () => {
    const { headers } = await sent({ 'anthropic-beta': 'request-tags-2026-08-21' });
    expect(headers['anthropic-beta']).toBeUndefined();
  });

  it('goes an OAuth token as a bearer with the beta it needs, once', async () => {
    const credential = { kind: 'oauth_token', oauthToken: secret('sk-ant-oat-1') } as const;
    const { headers } = await sent({ 'anthropic-beta': 'a-1,oauth-2025-04-20' }, { credential });
    expect(headers.authorization).toBe('Bearer sk-ant-oat-1');
    expect(headers['x-api-key']).toBeUndefined();
    expect(headers['anthropic-beta']).toBe('a-1,oauth-2025-04-20');
  });

  it('goes the beta of the OAuth token also when the client has none', async () => {
    const credential = { kind: 'oauth_token', oauthToken: secret('sk-ant-oat-1') } as const;
    expect((await sent({}, { credential })).headers['anthropic-beta']).toBe('oauth-2025-04-20');
  });

  it("go the operator's headers, which no client can replace", async () => {
    const { headers } = await sent({ 'x-app': 'mine' }, { headers: { 'X-App': 'theirs', 'x-team': 'core' } });
    expect(headers['x-app']).toBe('theirs');
    expect(headers['x-team']).toBe('core');
  });

  it('goes nothing that Connection makes hop-by-hop', async () => {
    const { headers } = await sent({
      connection: 'close, X-App, x-stainless-lang',
      'x-app': 'cli',
      'x-stainless-lang': 'js',
    });
    expect(headers['x-app']).toBeUndefined();
    expect(headers['x-stainless-lang']).toBeUndefined();
  });

  it('goes none of the protocol’s own either, but what every request has', async () => {
    const { headers } = await sent({
      connection: 'close, Anthropic-Version, anthropic-beta, content-type',
      'anthropic-version': '2026-10-21',
      'anthropic-beta': 'a-1',
      'content-type': 'application/json; charset=utf-8',
    });
    expect(headers['anthropic-version']).toBe('2023-06-01');
    expect(headers['anthropic-beta']).toBeUndefined();
    expect(headers['content-type']).toBe('application/json');
  });

  it('goes who asks, when the operator wants that', async () => {
    const { headers } = await sent(
      { 'x-claude-gateway-user-id': 'somebody else' },
      { forwardUserIdentity: true },
    );
    expect(headers['x-claude-gateway-user-id']).toBe('dev-1');
    expect(headers['x-claude-gateway-user-email']).toBe('dev@example.test');
    expect(headers['x-litellm-end-user-id']).toBe('dev@example.test');
  });

  it('goes the subject alone without an email, and nothing that could break a header', async () => {
    const caller = { sub: 'dev\r\nx-evil: 1', email: undefined };
    const { headers } = await sent({}, { forwardUserIdentity: true }, { caller });
    expect(Object.keys(headers).filter((name) => /gateway|litellm|evil/.test(name))).toEqual([]);
  });

  it('goes no identity unless the operator wants that', async () => {
    const { headers } = await sent({ 'x-claude-gateway-user-id': 'x', 'x-litellm-end-user-id': 'x' });
    expect(Object.keys(headers).filter((name) => /gateway|litellm/.test(name))).toEqual([]);
  });
});

describe('the path', () => {
  it.each([
    ['', '/v1/messages'],
    ['/', '/v1/messages'],
    ['/v1', '/v1/messages'],
    ['/v1/', '/v1/messages'],
    ['/anthropic', '/anthropic/v1/messages'],
    ['/team/v1', '/team/v1/messages'],
  ])('below a base URL that ends in "%s" is %s', async (suffix, path) => {
    const { url } = await sent({}, { baseUrl: `${upstream.url}${suffix}` });
    expect(url).toBe(path);
  });
});

describe('the picker', () => {
  it('decides by name in any spelling, however many names clients make up', () => {
    const pick = createHeaderPicker([]);
    const rawHeaders = Array.from({ length: 2_000 }, (_, i) => [
      `X-Stainless-${i}`,
      'v',
      `X-Other-${i}`,
      'v',
    ]).flat();
    const picked = pick({ rawHeaders, headers: {} } as Parameters<typeof pick>[0]);
    expect(picked).toHaveLength(4_000);
    expect(picked[3_998]).toBe('x-stainless-1999');
  });
});

describe('towards the client', () => {
  it('only what the table names comes back', () => {
    const { headers } = answerHeaders(
      {
        'content-type': 'application/json',
        'content-length': '12',
        'retry-after': '3',
        'x-should-retry': 'true',
        'request-id': 'req_1',
        'anthropic-ratelimit-unified-status': 'allowed',
        'anthropic-ratelimit-requests-limit': '5',
        'anthropic-organization-id': 'org',
        'set-cookie': ['a=b', 'c=d'],
        'transfer-encoding': 'chunked',
        connection: 'close',
        server: 'banner',
        location: 'https://example.test',
      },
      false,
    );
    expect(headers).toEqual({
      'content-type': 'application/json',
      'retry-after': '3',
      'x-should-retry': 'true',
      'x-upstream-request-id': 'req_1',
      'cache-control': 'no-store',
    });
  });

  it('no request id comes back that is more than an id', () => {
    expect(answerHeaders({ 'request-id': 'a b' }, false).upstreamRequestId).toBeUndefined();
    expect(answerHeaders({ 'request-id': 'x'.repeat(201) }, false).upstreamRequestId).toBeUndefined();
  });

  it.each([
    ['text/event-stream', false, true],
    ['Text/Event-Stream; charset=utf-8', false, true],
    ['application/json', true, false],
    [undefined, true, true],
    [undefined, false, false],
  ])('a type of %s, stream asked: %s, means stream: %s', (type, isExpected, isEventStream) => {
    expect(answerHeaders({ 'content-type': type }, isExpected).isEventStream).toBe(isEventStream);
  });
});
