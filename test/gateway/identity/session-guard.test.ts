import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TokenResponse } from '../../../src/kernel/protocol.ts';
import { secret } from '../../../src/kernel/secret.ts';
import { type Answer, ask, createDeviceFlow } from '../../support/device-flow.ts';
import { type IdentityGateway, JWT_SECRET, startIdentityGateway } from '../../support/identity-gateway.ts';

let gateway: IdentityGateway;
let flow: ReturnType<typeof createDeviceFlow>;
let tokens: Required<TokenResponse>;

beforeAll(async () => {
  gateway = await startIdentityGateway();
  flow = createDeviceFlow(gateway);
});
afterAll(() => gateway.close());
beforeEach(async () => {
  await gateway.restart();
  tokens = await flow.signIn();
});

const probe = (headers: Record<string, string>) => ask(`${gateway.url}/probe`, { headers });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const lastDenial = () => gateway.eventsOf('auth.denied').at(-1);

function expectRefused(answer: Answer, reason: string): void {
  expect(answer.status).toBe(401);
  expect(answer.headers.get('x-should-retry')).toBe('false');
  expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
  expect(answer.json).toEqual({
    type: 'error',
    error: { type: 'authentication_error', message: expect.stringContaining('sign in again') },
    request_id: answer.headers.get('request-id'),
  });
  expect(lastDenial()).toMatchObject({
    reason,
    client_ip: '127.0.0.1',
    requestId: answer.headers.get('request-id'),
  });
}

/** Sends header lines as they are given, repeated ones as well. */
function statusOf(path: string, headers: Record<string, string | string[]>, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(gateway.url + path, { method, headers, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('the session guard', () => {
  it('finds the caller of an access token', async () => {
    expect((await flow.whoAmI(tokens.access_token)).json).toEqual({
      sub: 'practice-ada',
      email: 'ada@example.test',
      name: 'Ada Example',
      groups: ['eng'],
      sid: expect.any(String),
      expiresAtMs: Math.floor(gateway.clock.now() / 1000) * 1000 + 3_600_000,
    });
  });

  it.each(['Bearer', 'bearer', 'BEARER', 'Bearer  '])('takes the scheme %j', async (scheme) => {
    expect((await probe({ authorization: `${scheme} ${tokens.access_token}` })).status).toBe(200);
  });

  it.each<[string, Record<string, string>, string]>([
    ['no credentials', {}, 'no_credentials'],
    ['Basic credentials', { authorization: 'Basic YTpi' }, 'no_bearer'],
    ['a bearer without a token', { authorization: 'Bearer ' }, 'no_bearer'],
    ['two tokens in one header', { authorization: 'Bearer a b' }, 'no_bearer'],
    ['a token of somebody else', { authorization: 'Bearer sk-ant-api03-x' }, 'invalid_token'],
    ['a refresh token', { authorization: 'Bearer a..b.c.d' }, 'invalid_token'],
  ])('refuses %s', async (_what, headers, reason) => {
    expectRefused(await probe(headers), reason);
  });

  it('refuses the refresh token of the same session', async () => {
    expectRefused(await probe(bearer(tokens.refresh_token)), 'invalid_token');
  });

  it('refuses a token from the moment it ends, whether it has seen it before or not', async () => {
    const other = await flow.signIn();
    expect((await probe(bearer(tokens.access_token))).status).toBe(200);
    gateway.clock.advance(3_600_000);
    expect((await probe(bearer(tokens.access_token))).status).toBe(200);
    gateway.clock.advance(5_000);
    expectRefused(await probe(bearer(tokens.access_token)), 'token_expired');
    expectRefused(await probe(bearer(other.access_token)), 'invalid_token');
  });

  it('takes tokens of every configured secret', async () => {
    const secrets = ['a newer session secret of the tests', JWT_SECRET].map(secret);
    await gateway.restart({ identity: { secrets } });
    expect((await probe(bearer(tokens.access_token))).status).toBe(200);
    const newer = await flow.signIn();
    await gateway.restart();
    expectRefused(await probe(bearer(newer.access_token)), 'invalid_token');
  });

  it('refuses repeated Authorization headers, even when all of them are right', async () => {
    const line = `Bearer ${tokens.access_token}`;
    expect(await statusOf('/probe', { authorization: [line, line] })).toBe(401);
    expect(lastDenial()).toMatchObject({ reason: 'repeated_authorization' });
    expect(await statusOf('/probe', { authorization: [line, 'Bearer x'] })).toBe(401);
    expect(
      await statusOf('/v1/models', { authorization: ['Bearer x', line], 'x-api-key': tokens.access_token }),
    ).toBe(401);
    expect(await statusOf('/probe', { authorization: [line] })).toBe(200);
  });

  it('takes x-api-key on the paths of the Messages API, and nowhere else', async () => {
    const headers = { 'x-api-key': tokens.access_token };
    expect(await statusOf('/v1/messages', headers, 'POST')).toBe(200);
    expect(await statusOf('/v1/messages/count_tokens', headers, 'POST')).toBe(200);
    expect(await statusOf('/v1/models', headers)).toBe(200);
    expect(await statusOf('/v1/models/claude-none', headers)).toBe(404);
    expectRefused(await probe(headers), 'no_credentials');
  });

  it('goes by Authorization where both are given', async () => {
    const both = { authorization: 'Bearer x', 'x-api-key': tokens.access_token };
    expect(await statusOf('/v1/models', both)).toBe(401);
    expect(await statusOf('/v1/models', { ...bearer(tokens.access_token), 'x-api-key': 'sk-ant' })).toBe(200);
  });

  it.each([[''], [['a', 'b']], ['not a token']])('refuses the x-api-key %j', async (key) => {
    expect(await statusOf('/v1/models', { 'x-api-key': key })).toBe(401);
  });

  it('goes on while the store is down', async () => {
    gateway.store.condition = 'down';
    const { status } = await probe(bearer(tokens.access_token));
    gateway.store.condition = 'up';
    expect(status).toBe(200);
  });

  it('names no token in what it records', async () => {
    await probe(bearer('a-secret-that-is-no-token'));
    expect(JSON.stringify([gateway.events, gateway.log.lines])).not.toContain('a-secret-that-is-no-token');
  });
});

describe('the last-seen times', () => {
  const flushed = async () => {
    const touched = gateway.store.answered('sessions.touch');
    gateway.clock.advance(15_000);
    await touched;
  };

  it('are written for many sessions in one statement, and for each at most every five minutes', async () => {
    const other = await flow.signIn('practice-con');
    const sids: string[] = [];
    for (const { access_token } of [tokens, other])
      sids.push(String((await flow.whoAmI(access_token)).json['sid']));
    await flushed();
    const firstSeen = gateway.clock.now();
    for (const sid of sids) expect((await gateway.session(sid))?.lastSeenAtMs).toBe(firstSeen);

    gateway.clock.advance(200_000);
    await flow.whoAmI(tokens.access_token);
    gateway.clock.advance(100_000);
    await flow.whoAmI(other.access_token);
    await flushed();
    expect((await gateway.session(sids[0] ?? ''))?.lastSeenAtMs).toBe(firstSeen);
    expect((await gateway.session(sids[1] ?? ''))?.lastSeenAtMs).toBe(gateway.clock.now());
  });

  it('are let go while the store is down', async () => {
    const { sid } = (await flow.whoAmI(tokens.access_token)).json;
    const before = (await gateway.session(String(sid)))?.lastSeenAtMs;
    gateway.store.condition = 'down';
    await flushed();
    gateway.store.condition = 'up';
    expect((await gateway.session(String(sid)))?.lastSeenAtMs).toBe(before);
    gateway.clock.advance(300_000);
    await flow.whoAmI(tokens.access_token);
    await flushed();
    expect((await gateway.session(String(sid)))?.lastSeenAtMs).toBe(gateway.clock.now());
  });

  it('go on when the calendar was ahead for a while', async () => {
    const { access_token } = await flow.signIn('practice-con');
    const { sid } = (await flow.whoAmI(access_token)).json;
    await flushed();
    gateway.clock.advance(300_000);
    gateway.clock.jump(1_800_000);
    await flow.whoAmI(access_token);
    const seen = gateway.clock.now();
    await flushed();
    expect((await gateway.session(String(sid)))?.lastSeenAtMs).toBeGreaterThanOrEqual(seen);
    gateway.clock.jump(-1_800_000);
    gateway.clock.advance(300_000);
    await flow.whoAmI(access_token);
    await flushed();
  });
});
