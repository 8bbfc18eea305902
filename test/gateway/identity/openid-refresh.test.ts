import { afterEach, describe, expect, it } from 'vitest';
import type { OpenIdProviderOptions } from '../../../src/gateway/identity/openid-provider.ts';
import type { Identity } from '../../../src/gateway/identity/provider.ts';
import type { JsonAnswer } from '../../support/oidc-provider.ts';
import { ADA, failureOf, startWorld, type World } from './openid-world.ts';

let world: World;
let signedIn: Identity;

/** A signed-in developer whose session is about to be renewed. */
async function given(overrides?: Partial<OpenIdProviderOptions>): Promise<World> {
  world = await startWorld(overrides);
  signedIn = await world.signIn();
  return world;
}

const session = () => ({ refreshToken: signedIn.refreshToken ?? '', claims: signedIn.claims });
const renew = () => world.provider.refresh(session());
const answering = (answer: JsonAnswer) => world.idp.intercept('/token', () => answer);
/** The real answer to the refresh, changed. */
const changing = (change: (body: Record<string, unknown>) => Record<string, unknown>) =>
  world.idp.intercept('/token', async (_request, original) => {
    const answer = await original();
    return { ...answer, body: change(answer.body) };
  });
const withoutIdToken = () => changing(({ id_token: _, ...body }) => body);

afterEach(() => world.close());

describe('a refresh', () => {
  it('brings the claims of the moment and the rotated refresh token', async () => {
    const { forgeIdToken } = await given();
    forgeIdToken((claims) => ({ ...claims, groups: ['eng', 'oncall'], email: 'ada.new@example.test' }));
    const renewed = await renew();
    expect(renewed.claims).toMatchObject({
      sub: ADA,
      groups: ['eng', 'oncall'],
      email: 'ada.new@example.test',
    });
    expect(renewed.refreshToken).not.toBe(signedIn.refreshToken);
    expect(renewed.refreshToken).toEqual(expect.any(String));
  });

  it('says so when the provider gives no new refresh token', async () => {
    await given();
    changing(({ refresh_token: _, ...body }) => body);
    expect((await renew()).refreshToken).toBeUndefined();
  });

  it('reads null as absent', async () => {
    await given();
    changing((body) => ({ ...body, id_token: null, refresh_token: null, scope: null }));
    expect(await renew()).toEqual({ claims: signedIn.claims, refreshToken: undefined });
  });

  it.each([
    [true, 'openid email groups'],
    [false, null],
  ])('repeats the scopes when scope_on_refresh is %s', async (scopeOnRefresh, scope) => {
    const { idp } = await given({ scopeOnRefresh, scopes: ['openid', 'email', 'groups'] });
    await renew();
    expect(idp.requests.at(-1)?.form.get('scope')).toBe(scope);
  });

  it('takes an id_token without a nonce', async () => {
    const { forgeIdToken } = await given();
    forgeIdToken(({ nonce: _, ...claims }) => claims);
    expect((await renew()).claims.sub).toBe(ADA);
  });

  it('without an id_token keeps the claims and says once which setting would renew them', async () => {
    const { log } = await given();
    withoutIdToken();
    const first = await renew();
    expect(first.claims).toEqual(signedIn.claims);
    await world.provider.refresh({ refreshToken: first.refreshToken ?? '', claims: first.claims });
    const lines = log.at('warn').filter((line) => line.includes('no id_token at a refresh'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/oidc\.scope_on_refresh.*oidc\.userinfo_fallback/);
  });

  it('without an id_token asks userinfo when the fallback is on', async () => {
    const { idp } = await given({ userinfoFallback: true });
    withoutIdToken();
    idp.intercept('/me', async (_request, original) => {
      const answer = await original();
      return { ...answer, body: { ...answer.body, groups: ['contractors'] } };
    });
    expect((await renew()).claims).toMatchObject({ sub: ADA, groups: ['contractors'] });
  });

  it('is refused by admission as a sign-in is', async () => {
    const { forgeIdToken } = await given({ allowedGroups: ['eng'] });
    forgeIdToken((claims) => ({ ...claims, groups: ['contractors'] }));
    expect(await failureOf(renew())).toMatchObject({
      code: 'sign_in_refused',
      facts: { reason: 'groups_not_allowed' },
    });
  });

  it('keeps refusing a person whose kept claims are no longer admitted', async () => {
    await given({ allowedGroups: ['ops', 'eng'] });
    withoutIdToken();
    const claims = { ...signedIn.claims, groups: ['contractors'] };
    const refused = failureOf(world.provider.refresh({ refreshToken: signedIn.refreshToken ?? '', claims }));
    expect(await refused).toMatchObject({ code: 'sign_in_refused', facts: { reason: 'groups_not_allowed' } });
  });
});

describe('a refresh that is refused', () => {
  it.each(['invalid_grant', 'access_denied', 'login_required', 'interaction_required', 'consent_required'])(
    'with %s is about the person, and no operator is called',
    async (error) => {
      const { log } = await given();
      answering({ status: 400, body: { error, error_description: 'of ada@example.test' } });
      const failure = await failureOf(renew());
      expect(failure).toMatchObject({ code: 'sign_in_refused', facts: { reason: error } });
      expect(String(failure)).not.toContain('ada');
      expect(log.at('error')).toEqual([]);
    },
  );

  it('because the person was disabled at the provider is about the person', async () => {
    const { idp } = await given();
    idp.practice.setDisabled(ADA, true);
    expect(await failureOf(renew())).toMatchObject({
      code: 'sign_in_refused',
      facts: { reason: 'invalid_grant' },
    });
  });

  it.each<[JsonAnswer, string, RegExp]>([
    [{ status: 401, body: { error: 'invalid_client' } }, 'idp_misconfigured', /oidc\.client_secret/],
    [{ status: 400, body: { error: 'unauthorized_client' } }, 'idp_misconfigured', /refresh token grant/],
    [{ status: 400, body: { error: 'unsupported_grant_type' } }, 'idp_misconfigured', /refresh token grant/],
    [{ status: 400, body: { error: 'invalid_scope' } }, 'idp_misconfigured', /oidc\.scope_on_refresh/],
    [
      { status: 400, body: { error: 'temporarily_unavailable' } },
      'idp_unreachable',
      /temporarily_unavailable/,
    ],
    [{ status: 429, body: {} }, 'idp_unreachable', /HTTP 429/],
    [{ status: 500, body: {} }, 'idp_unreachable', /HTTP 500/],
    [{ status: 502, body: { error: 'invalid_grant' } }, 'idp_unreachable', /HTTP 502/],
    [{ status: 400, body: { error: 'invalid_request' } }, 'idp_answer', /invalid_request/],
    [{ status: 400, body: { error: 'Some <b>text</b>' } }, 'idp_answer', /^HTTP 400 \(at refresh\)$/],
    [
      { status: 401, body: {}, headers: { 'www-authenticate': 'Basic error="invalid_client"' } },
      'idp_misconfigured',
      /./,
    ],
    [{ status: 301, body: {}, headers: { location: 'http://127.0.0.1:1' } }, 'idp_answer', /HTTP 301/],
    [{ status: 200, body: { token_type: 'bearer' } }, 'idp_answer', /at refresh/],
    [
      { status: 200, body: { access_token: 'a', token_type: 'bearer', id_token: 7 } },
      'idp_answer',
      /at refresh/,
    ],
    [
      { status: 200, body: { access_token: 'a', token_type: 'bearer', id_token: 'x' } },
      'idp_answer',
      /id_token/,
    ],
  ])('%j is about the gateway (%s) and calls the operator', async (answer, code, detail) => {
    const { log } = await given();
    answering(answer);
    expect(await failureOf(renew())).toMatchObject({ code, detail: expect.stringMatching(detail) });
    expect(log.at('error')).toHaveLength(1);
    expect(log.at('error')[0]).toMatch(detail.source.startsWith('^') ? /HTTP 400/ : detail);
  });

  it('because the client secret lapsed signs nobody out', async () => {
    const { idp, log } = await given();
    idp.practice.setClientSecret('a new secret that the gateway does not have');
    expect(await failureOf(renew())).toMatchObject({ code: 'idp_misconfigured' });
    expect(log.at('error')[0]).toMatch(/invalid_client .*oidc\.client_secret/);
    idp.practice.setClientSecret(idp.clientSecret);
    expect((await renew()).claims.sub).toBe(ADA);
  });

  it.each([
    ['about another person', { sub: 'practice-con' }],
    ['of another issuer', { iss: 'https://other.example.test' }],
    ['for another audience', { aud: 'another' }],
    ['that has expired', { exp: 1 }],
  ])('with an id_token %s says nothing about the person', async (_what, change) => {
    const { forgeIdToken } = await given();
    forgeIdToken((claims) => ({ ...claims, ...change }));
    expect(await failureOf(renew())).toMatchObject({ code: 'idp_answer' });
  });

  it('by userinfo names the place', async () => {
    const { idp } = await given({ userinfoFallback: true });
    withoutIdToken();
    idp.intercept('/me', () => ({
      status: 401,
      body: {},
      headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
    }));
    expect(await failureOf(renew())).toMatchObject({
      code: 'idp_answer',
      detail: 'invalid_token (HTTP 401) (at userinfo_no_id_token)',
    });
    idp.intercept('/me', () => ({ status: 200, body: { sub: 'practice-con' } }));
    expect(await failureOf(renew())).toMatchObject({
      code: 'idp_answer',
      facts: { kind: 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED' },
    });
  });

  it('after the provider has rotated its token shows the new one at the next try', async () => {
    const { idp } = await given({ userinfoFallback: true });
    withoutIdToken();
    idp.intercept('/me', () => ({ status: 500, body: {} }));
    await failureOf(renew());
    await failureOf(renew());
    idp.intercept('/me', undefined);
    const renewed = await renew();
    const shown = idp.requests.map(({ form }) => form.get('refresh_token')).filter((token) => token !== null);
    expect(new Set(shown).size).toBe(3);
    expect(shown[0]).toBe(signedIn.refreshToken);
    expect([...shown, signedIn.refreshToken]).not.toContain(renewed.refreshToken);
  });
});

describe('the operator log', () => {
  it('repeats one kind of failure once a minute and each kind by itself', async () => {
    const { log, clock } = await given();
    answering({ status: 500, body: {} });
    await failureOf(renew());
    await failureOf(renew());
    expect(log.at('error')).toHaveLength(1);
    answering({ status: 401, body: { error: 'invalid_client' } });
    await failureOf(renew());
    expect(log.at('error')).toHaveLength(2);
    clock.advance(59_000);
    await failureOf(renew());
    expect(log.at('error')).toHaveLength(2);
    clock.advance(2_000);
    await failureOf(renew());
    expect(log.at('error')).toHaveLength(3);
  });

  it('holds no token, claim or secret', async () => {
    const { log, idp } = await given();
    answering({
      status: 400,
      body: { error: 'odd_error', error_description: `ada@example.test ${idp.clientSecret}` },
    });
    await failureOf(renew());
    const text = log.lines.join('\n');
    expect(text).not.toContain(signedIn.refreshToken);
    expect(text).not.toContain(idp.clientSecret);
    expect(text).not.toContain('ada@');
  });
});
