import { afterEach, describe, expect, it } from 'vitest';
import { createOutbound } from '../../../../src/gateway/outbound/outbound.ts';
import {
  createFederation,
  type FederationOptions,
} from '../../../../src/gateway/upstream/providers/anthropic-federation.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { createMemoryLog } from '../../../support/memory-log.ts';
import { openIdentityExchange } from '../../../support/stand-ins/anthropic-identity.ts';
import { listenOnLoopback } from '../../../support/stand-ins/scripted-answers.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function standUp(optional: Partial<FederationOptions> = {}) {
  const exchange = await openIdentityExchange(optional);
  closers.push(exchange.close);
  const paths: string[] = [];
  const server = await listenOnLoopback(({ url = '', headers }, body, response) => {
    paths.push(url);
    return exchange.serve(headers, body, response);
  });
  closers.push(server.close);
  const clock = createManualClock();
  const log = createMemoryLog();
  const outbound = createOutbound(
    {
      allowLoopback: true,
      allowedOrigins: [],
      proxies: { httpsProxy: undefined, httpProxy: undefined, noProxy: undefined },
      proxyIsEgressBoundary: false,
    },
    { log },
  );
  closers.push(() => outbound.close());
  const parts = { name: 'claude', clock, log, fetch: outbound.fetch({ useProxy: false }) };
  return {
    close: server.close,
    exchange,
    paths,
    clock,
    log,
    parts,
    source: createFederation(server.origin, exchange.options, parts),
  };
}

const bearer = (number: number) => ['authorization', `Bearer sk-ant-oat01-federated-${number}`];

describe('workload identity federation', () => {
  it('exchanges the token of the file for one of the API, at its token endpoint and with its betas', async () => {
    const { source, exchange, paths } = await standUp();
    expect(await source.get()).toEqual(bearer(1));
    expect(paths).toEqual(['/v1/oauth/token']);
    expect(exchange.exchanges).toHaveLength(1);
    expect(Object.keys(exchange.exchanges[0]?.body ?? {}).sort()).toEqual([
      'assertion',
      'federation_rule_id',
      'grant_type',
      'organization_id',
    ]);
    expect(exchange.exchanges[0]?.betas).toBe('oauth-2025-04-20,oidc-federation-2026-04-01');
  });

  it('names workspace and service account where they are set', async () => {
    const { source, exchange } = await standUp({ workspaceId: 'default', serviceAccountId: 'svac_1' });
    expect(await source.get()).toEqual(bearer(1));
    expect(exchange.exchanges[0]?.body).toMatchObject({
      workspace_id: 'default',
      service_account_id: 'svac_1',
    });
  });

  it('asks once for all who wait, and reads the file anew for the next one', async () => {
    const { source, exchange, clock } = await standUp();
    await Promise.all([source.get(), source.get(), source.get()]);
    const rotated = await exchange.rotate();
    clock.advance(3600_000 - 20_000);
    expect(await source.get()).toEqual(bearer(2));
    expect(exchange.exchanges).toHaveLength(2);
    expect(exchange.exchanges[1]?.body['assertion']).toBe(rotated);
  });

  it('renews 120 s before the end while the old one serves, and gives out none in its last 30 s', async () => {
    const { source, exchange, clock, log } = await standUp();
    await source.get();
    exchange.instead = { status: 500, body: 'down' };
    clock.advance(3600_000 - 121_000);
    expect(source.get()).toEqual(bearer(1));
    expect(exchange.exchanges).toHaveLength(1);
    clock.advance(2_000);
    expect(source.get()).toEqual(bearer(1));
    await log.line(/warn .*the token endpoint answered 500 .*goes on serving/);
    expect(exchange.exchanges).toHaveLength(2);
    clock.advance(100_000);
    await expect(source.get()).rejects.toMatchObject({ code: 'upstream_credentials' });
  });

  it('does not renew a token of a minute for every request', async () => {
    const { source, exchange, clock } = await standUp();
    exchange.lifetimeSeconds = 60;
    await source.get();
    clock.advance(20_000);
    expect([source.get(), source.get()]).toEqual([bearer(1), bearer(1)]);
    expect(exchange.exchanges).toHaveLength(1);
  });

  it.each([
    [
      'in the words of the API',
      { type: 'error', error: { type: 'authentication_error', message: 'Authentication failed' } },
      'authentication_error: Authentication failed',
    ],
    [
      'in the words of OAuth',
      { error: 'invalid_grant', error_description: 'expired' },
      'invalid_grant: expired',
    ],
    [
      'without quoting a token',
      { error: 'invalid_grant', error_description: 'eyJhbGciOi.x.y is over' },
      'invalid_grant',
    ],
  ])('says why it was refused, %s', async (_how, body, words) => {
    const { source, exchange } = await standUp();
    exchange.instead = { status: 400, body: JSON.stringify(body) };
    await expect(source.get()).rejects.toMatchObject({
      code: 'upstream_credentials',
      detail: `no credential for upstream claude: the token endpoint answered 400 ${words} (request id req_exchange)`,
    });
  });

  it('says why the token endpoint cannot be reached', async () => {
    const { source, close } = await standUp();
    await close();
    await expect(source.get()).rejects.toMatchObject({
      detail: expect.stringMatching(/^no credential for upstream claude: .*ECONNREFUSED/),
    });
  });

  it('is refused with a token that somebody else has signed', async () => {
    const { source, exchange } = await standUp();
    const other = await openIdentityExchange();
    closers.push(other.close);
    await exchange.rotate(await other.rotate());
    await expect(source.get()).rejects.toMatchObject({
      detail: expect.stringContaining('Authentication failed'),
    });
  });

  it.each([
    [
      'holds a token with a line break',
      '{"access_token":"a\\nb","expires_in":60}',
      /without a token that can be used/,
    ],
    ['has no end', '{"access_token":"abc"}', /without a token that can be used/],
    [
      'is longer than 1 MiB',
      `{"access_token":"${'a'.repeat(1024 * 1024)}","expires_in":60}`,
      /more than 1 MiB/,
    ],
  ])('takes no answer that %s', async (_what, body, detail) => {
    const { source, exchange } = await standUp();
    exchange.instead = { status: 200, body };
    await expect(source.get()).rejects.toMatchObject({ detail: expect.stringMatching(detail) });
  });

  it.each([
    ['is too long', `a.${'b'.repeat(16 * 1024)}.c`, /is larger than 16384 bytes/],
    ['is no JWT', 'secret words', /holds no signed JWT/],
    ['is empty', '', /holds no signed JWT/],
  ])('sends nothing when the token in the file %s', async (_what, token, detail) => {
    const { source, exchange } = await standUp();
    await exchange.rotate(token);
    await expect(source.get()).rejects.toMatchObject({ detail: expect.stringMatching(detail) });
    expect(exchange.exchanges).toHaveLength(0);
  });

  it('names the file that is not there', async () => {
    const { source } = await standUp({ identityTokenFile: '/nowhere/token' });
    await expect(source.get()).rejects.toMatchObject({
      detail: expect.stringMatching(/ENOENT.*\/nowhere\/token/),
    });
  });

  it('needs TLS but on this machine', async () => {
    const { parts, exchange } = await standUp();
    const open = (baseUrl: string) => () => createFederation(baseUrl, exchange.options, parts);
    expect(open('http://claude.example.test')).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    expect(open('http://198.51.100.7:8080')).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    for (const url of [
      'https://claude.example.test',
      'http://localhost:1',
      'http://[::1]:1',
      'http://127.0.0.9:1',
    ])
      expect(open(url)).not.toThrow();
  });
});
