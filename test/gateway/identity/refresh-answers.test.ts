import { generateKeyPairSync } from 'node:crypto';
import { decodeJwt, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TokenResponse } from '../../../src/kernel/protocol.ts';
import { type Answer, createDeviceFlow } from '../../support/device-flow.ts';
import { type IdentityGateway, startIdentityGateway } from '../../support/identity-gateway.ts';
import type { JsonAnswer } from '../../support/oidc-provider.ts';

let gateway: IdentityGateway;
let flow: ReturnType<typeof createDeviceFlow>;
let tokens: Required<TokenResponse>;

const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

beforeAll(async () => {
  gateway = await startIdentityGateway({}, { signing: { algorithm: 'ES256', privateKey: KEY } });
  flow = createDeviceFlow(gateway);
});
afterAll(() => gateway.close());
beforeEach(async () => {
  await gateway.restart();
  tokens = await flow.signIn();
  gateway.clock.advance(50 * 60_000);
});
afterEach(() => {
  for (const endpoint of ['/token', '/me', '/jwks']) gateway.idp.intercept(endpoint, undefined);
  gateway.idp.practice.setDisabled('practice-ada', false);
  gateway.idp.practice.setClientSecret(gateway.idp.clientSecret);
});

const refresh = () => flow.refresh(tokens.refresh_token);
const lastRefresh = () => gateway.eventsOf('session.refresh').at(-1);
const operatorErrors = () =>
  gateway.log.lines.filter((line) => line.startsWith('error the identity provider does not renew'));

/** Changes what the provider answers to a refresh. */
const changing = (
  change: (body: Record<string, unknown>) => Record<string, unknown> | Promise<Record<string, unknown>>,
) =>
  gateway.idp.intercept('/token', async (_request, original) => {
    const answer = await original();
    return { ...answer, body: await change(answer.body) };
  });
const withClaims = (changes: Record<string, unknown>) =>
  changing(async (body) => ({
    ...body,
    id_token: await new SignJWT({ ...decodeJwt(String(body['id_token'])), ...changes })
      .setProtectedHeader({ alg: 'ES256', kid: 'practice-ES256' })
      .sign(KEY),
  }));

function expectOver(answer: Answer, reason: string): void {
  expect(answer.status).toBe(401);
  expect(answer.json).toMatchObject({ error: 'invalid_grant' });
  expect(answer.headers.get('www-authenticate')).toBeNull();
  expect(lastRefresh()).toMatchObject({ sub: 'practice-ada', result: 'denied', reason });
}

function expectToGoOn(answer: Answer): void {
  expect(answer.status).toBe(503);
  expect(answer.json).toEqual({
    error: 'temporarily_unavailable',
    error_description: expect.stringContaining('your session goes on'),
  });
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(lastRefresh()).toMatchObject({ sub: 'practice-ada', result: 'unavailable' });
}

describe('what the provider says of the person now', () => {
  it('is what the new token says', async () => {
    await withClaims({ groups: ['oncall'], email: 'ada@new.example.test', name: 'Ada New' });
    const caller = decodeJwt(String((await refresh()).json['access_token']));
    expect(caller).toMatchObject({ groups: ['oncall'], email: 'ada@new.example.test', name: 'Ada New' });
  });

  it('goes on as it was when there is no id_token, and the log says once what would renew it', async () => {
    changing(({ id_token: _, ...body }) => body);
    const first = await refresh();
    expect(decodeJwt(String(first.json['access_token']))).toMatchObject({
      email: 'ada@example.test',
      groups: ['eng'],
    });
    gateway.clock.advance(50 * 60_000);
    expect((await flow.refresh(String(first.json['refresh_token']))).status).toBe(200);
    const lines = gateway.log.lines.filter((line) => line.includes('no id_token at a refresh'));
    expect(lines).toHaveLength(1);
  });

  it('comes from userinfo when there is no id_token and userinfo_fallback is on', async () => {
    await gateway.restart({ provider: { userinfoFallback: true } });
    changing(({ id_token: _, ...body }) => body);
    gateway.idp.intercept('/me', () => ({
      status: 200,
      body: { sub: 'practice-ada', email: 'ada@userinfo.test', groups: 'only-one' },
    }));
    const caller = decodeJwt(String((await refresh()).json['access_token']));
    expect(caller).toMatchObject({ email: 'ada@userinfo.test', groups: ['only-one'] });
  });

  it('is asked for with the old refresh token of the provider when it sends no new one', async () => {
    changing(({ refresh_token: _, ...body }) => body);
    const first = await refresh();
    gateway.clock.advance(50 * 60_000);
    await flow.refresh(String(first.json['refresh_token']));
    const shown = gateway.idp.requests.flatMap(({ form }) => form.getAll('refresh_token')).slice(-2);
    expect(shown[0]).toEqual(expect.any(String));
    expect(shown[1]).toBe(shown[0]);
  });
});

describe('a session is over', () => {
  it('when the provider has disabled the person', async () => {
    gateway.idp.practice.setDisabled('practice-ada', true);
    expectOver(await refresh(), 'invalid_grant');
    expect(operatorErrors()).toEqual([]);
  });

  it.each(['invalid_grant', 'access_denied', 'login_required', 'interaction_required', 'consent_required'])(
    'when the provider answers %s',
    async (error) => {
      gateway.idp.intercept('/token', () => ({ status: 400, body: { error } }));
      expectOver(await refresh(), error);
    },
  );

  it('when the email domain is no longer allowed', async () => {
    await gateway.restart({ provider: { allowedEmailDomains: ['example.test'] } });
    await withClaims({ email: 'ada@elsewhere.test' });
    expectOver(await refresh(), 'email_domain_not_allowed');
  });

  it.each([
    ['domain', { allowedEmailDomains: ['other.test'] }, 'email_domain_not_allowed'],
    ['group', { allowedGroups: ['other'] }, 'groups_not_allowed'],
  ])('when the operator has taken the %s away, also without an id_token', async (_what, provider, reason) => {
    changing(({ id_token: _, ...body }) => body);
    await gateway.restart({ provider });
    expectOver(await refresh(), reason);
  });

  it.each([false, 'false'])('when the provider says email_verified: %j', async (email_verified) => {
    await withClaims({ email_verified });
    expectOver(await refresh(), 'email_not_verified');
  });

  it('when the groups are too many to be sent', async () => {
    await withClaims({ groups: undefined, _claim_names: { groups: 'src1' } });
    expectOver(await refresh(), 'groups_overage');
  });
});

describe('a session goes on', () => {
  it.each<[string, JsonAnswer]>([
    ['invalid_client', { status: 401, body: { error: 'invalid_client' } }],
    ['unauthorized_client', { status: 400, body: { error: 'unauthorized_client' } }],
    ['invalid_scope', { status: 400, body: { error: 'invalid_scope' } }],
    ['429', { status: 429, body: { error: 'invalid_grant' } }],
    ['500', { status: 500, body: {} }],
    ['503', { status: 503, body: { error: 'temporarily_unavailable' } }],
    ['a 200 that is no token response', { status: 200, body: { hello: 'world' } }],
    ['a 400 without an error', { status: 400, body: {} }],
    ['a 404', { status: 404, body: {} }],
    ['a redirect', { status: 302, body: {}, headers: { location: 'https://203.0.113.1/' } }],
  ])('when the provider answers %s', async (_what, answer) => {
    gateway.idp.intercept('/token', () => answer);
    expectToGoOn(await refresh());
    gateway.idp.intercept('/token', undefined);
    expect((await flow.whoAmI(tokens.access_token)).status).toBe(200);
    expect((await refresh()).status).toBe(200);
  });

  it('when the id_token is about somebody else', async () => {
    await withClaims({ sub: 'practice-con' });
    expectToGoOn(await refresh());
  });

  it('when the id_token is of another issuer, or signed by nobody known', async () => {
    await withClaims({ iss: 'https://other.example' });
    expectToGoOn(await refresh());
    changing((body) => ({ ...body, id_token: `${String(body['id_token']).slice(0, -8)}AAAAAAAA` }));
    expectToGoOn(await refresh());
  });

  it.each([
    ['keys', '/jwks', {}],
    ['userinfo', '/me', { userinfoFallback: true, groupsClaim: 'of-userinfo' }],
  ])(
    'when its %s cannot be had, although the provider has rotated its token by then',
    async (_what, endpoint, provider) => {
      await gateway.restart({ provider });
      gateway.idp.intercept(endpoint, () => ({ status: 500, body: {} }));
      expectToGoOn(await refresh());
      expectToGoOn(await refresh());
      gateway.idp.intercept(endpoint, undefined);
      const answer = await refresh();
      expect(answer.status).toBe(200);
      gateway.clock.advance(50 * 60_000);
      expect((await flow.refresh(String(answer.json['refresh_token']))).status).toBe(200);
    },
  );

  it('when the provider takes longer than three and a half seconds', async () => {
    gateway.idp.intercept('/token', () => undefined);
    const asked = gateway.idp.asked('/token');
    const answer = refresh();
    await asked;
    gateway.clock.advance(3_500);
    expectToGoOn(await answer);
    expect(lastRefresh()).toMatchObject({ reason: 'idp_unreachable' });
  });

  it('when the provider rotates its token and says so only after that', async () => {
    const gate = Promise.withResolvers<void>();
    gateway.idp.intercept('/token', async (_request, original) => {
      const answer = await original();
      await gate.promise;
      return answer;
    });
    const asked = gateway.idp.asked('/token');
    const first = refresh();
    await asked;
    gateway.clock.advance(3_500);
    expectToGoOn(await first);
    gate.resolve();
    const answer = await refresh();
    expect(answer.status).toBe(200);
    gateway.clock.advance(50 * 60_000);
    expect((await flow.refresh(String(answer.json['refresh_token']))).status).toBe(200);
  });

  it('when the client secret has lapsed, and the operator reads so once a minute', async () => {
    const others = [await flow.signIn('practice-con'), await flow.signIn('practice-pat')];
    const before = operatorErrors().length;
    gateway.idp.practice.setClientSecret('another secret, long enough for the provider');
    expectToGoOn(await refresh());
    expect((await flow.refresh(others[0]?.refresh_token ?? '')).status).toBe(503);
    gateway.clock.advance(59_999);
    expect((await flow.refresh(others[1]?.refresh_token ?? '')).status).toBe(503);
    expect(operatorErrors().slice(before)).toEqual([expect.stringContaining('oidc.client_secret')]);
    gateway.clock.advance(1);
    expectToGoOn(await refresh());
    expect(operatorErrors().slice(before)).toHaveLength(2);
    gateway.idp.practice.setClientSecret(gateway.idp.clientSecret);
    expect((await refresh()).status).toBe(200);
  });

  it('and the log says so once a minute for each cause, with a request id, a count and no token', async () => {
    const failures = () => gateway.log.lines.slice(before).filter((line) => / refresh failed /.test(line));
    const before = gateway.log.lines.length;
    const body = { error_description: tokens.refresh_token };
    gateway.idp.intercept('/token', () => ({ status: 500, body }));
    const { headers } = await refresh();
    for (let i = 0; i < 3; i += 1) await refresh();
    expect(failures()).toEqual([
      `warn refresh failed request_id=${headers.get('request-id')}: HTTP 500 (at refresh)`,
    ]);
    gateway.idp.intercept('/token', () => ({ status: 400, body: { error: 'invalid_scope' } }));
    await refresh();
    expect(failures()[1]).toContain('invalid_scope (HTTP 400)');
    gateway.idp.intercept('/token', () => ({ status: 500, body }));
    gateway.clock.advance(60_000);
    await refresh();
    expect(failures()).toHaveLength(3);
    expect(failures()[2]).toMatch(/HTTP 500 \(at refresh\); 3 more for this cause since the last such line$/);
    expect(operatorErrors().at(-1)).toMatch(/once a minute; 3 more for this cause since the last such line$/);
    expect(gateway.log.lines.join('\n')).not.toContain(tokens.refresh_token);
  });

  it.each([
    [
      'the provider',
      () => gateway.idp.intercept('/token', () => ({ status: 500, body: {} })),
      'the identity provider',
    ],
    [
      'the gateway itself',
      () =>
        gateway.store.before('sessions.find', () => {
          throw new Error('a mistake');
        }),
      'the gateway cannot',
    ],
  ])('when %s fails, and the sentence says which it was', async (_what, breakIt, words) => {
    breakIt();
    const answer = await refresh();
    expectToGoOn(answer);
    expect(String(answer.json['error_description']).startsWith(words)).toBe(true);
  });
});
