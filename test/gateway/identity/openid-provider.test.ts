import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { inspect } from 'node:util';
import { SignJWT } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import type { IdTokenAlgorithm } from '../../../src/gateway/identity/id-token.ts';
import type { OpenIdProviderOptions } from '../../../src/gateway/identity/openid-provider.ts';
import { secret } from '../../../src/kernel/secret.ts';
import {
  ADA,
  createTestLog,
  failureOf,
  KEYS,
  publicJwk,
  REQUEST,
  startWorld,
  type World,
  type WorldOptions,
} from './openid-world.ts';

let world: World;

async function given(overrides?: Partial<OpenIdProviderOptions>, options?: WorldOptions): Promise<World> {
  world = await startWorld(overrides, options);
  return world;
}

afterEach(() => world.close());

/** Reads `code` and the reason of a refused sign-in. */
const refusedFor = (reason: string) => ({ code: 'sign_in_refused', facts: { reason } });

describe('the authorization request', () => {
  it('carries state, nonce, PKCE S256, response_mode=query and the public redirect_uri', async () => {
    const { provider, idp } = await given({ extraAuthParams: { prompt: 'login', hd: 'example.test' } });
    const url = await provider.authorizationUrl(REQUEST);
    expect(url.href.startsWith(`${idp.issuer}/auth?`)).toBe(true);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      client_id: 'gateway',
      response_type: 'code',
      response_mode: 'query',
      redirect_uri: idp.redirectUri,
      scope: 'openid profile email groups offline_access',
      state: REQUEST.state,
      nonce: REQUEST.nonce,
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      prompt: 'login',
      hd: 'example.test',
    });
    expect(provider.authorizationOrigin).toBe(idp.origin);
  });

  it('keeps its own parameters when extra ones would replace them, and leaves PKCE out without a verifier', async () => {
    const { provider } = await given({ extraAuthParams: { state: 'other', response_mode: 'form_post' } });
    const url = await provider.authorizationUrl({ ...REQUEST, codeVerifier: undefined });
    expect(url.searchParams.getAll('state')).toEqual([REQUEST.state]);
    expect(url.searchParams.getAll('response_mode')).toEqual(['query']);
    expect(url.searchParams.has('code_challenge')).toBe(false);
  });
});

describe('a sign-in', () => {
  it.each<IdTokenAlgorithm>(['RS256', 'PS256', 'ES256', 'EdDSA'])(
    'works with an id_token signed %s',
    async (algorithm) => {
      const { signIn } = await given({}, { algorithm });
      expect(await signIn()).toEqual({
        claims: { sub: ADA, email: 'ada@example.test', name: 'Ada Example', groups: ['eng'] },
        refreshToken: expect.any(String),
      });
    },
  );

  it.each(['client_secret_basic', 'client_secret_post'] as const)(
    'authenticates with %s, whatever characters the secret has',
    async (method) => {
      const odd = 'a:b%c d+e~f/g~-_.and-long-enough-to-be-one';
      const { signIn, idp } = await given(
        { tokenEndpointAuthMethod: method, clientSecret: secret(odd) },
        { idp: { clientSecret: odd, clientMetadata: { token_endpoint_auth_method: method } } },
      );
      expect((await signIn()).claims.sub).toBe(ADA);
      const asked = idp.requests.find(({ path }) => path === '/token');
      expect(asked?.form.has('client_secret')).toBe(method === 'client_secret_post');
    },
  );

  it('uses the secret of the moment, so that a re-read one counts', async () => {
    let current = 'the first secret of this client';
    const changing = { ...secret(''), reveal: () => current };
    const { signIn, idp } = await given({ clientSecret: changing }, { idp: { clientSecret: current } });
    await signIn();
    current = 'the second secret of this client';
    idp.practice.setClientSecret(current);
    expect((await signIn()).claims.sub).toBe(ADA);
  });

  it('sends its own redirect_uri and the verifier with the code', async () => {
    const { signIn, idp } = await given();
    await signIn();
    const asked = idp.requests.find(({ path }) => path === '/token');
    expect(Object.fromEntries(asked?.form ?? [])).toMatchObject({
      grant_type: 'authorization_code',
      redirect_uri: idp.redirectUri,
      code_verifier: REQUEST.codeVerifier,
    });
  });

  it('writes claim names at debug level and no value anywhere', async () => {
    const { signIn, log } = await given();
    const { refreshToken } = await signIn();
    expect(log.at('debug')).toContainEqual(
      'debug claim names in id_token: aud, email, email_verified, exp, groups, iat, iss, name, nonce, sub',
    );
    expect(log.lines.join('\n')).not.toMatch(/ada|eng\b|nonce-of|practice-/i);
    expect(log.lines.join('\n')).not.toContain(refreshToken);
  });

  it('writes no claim names at info level', async () => {
    const { signIn, log } = await given({}, { log: createTestLog('info') });
    await signIn();
    expect(log.lines.join('\n')).not.toContain('claim names');
  });
});

describe('a callback', () => {
  it('is refused when the answer names another issuer', async () => {
    const { arrive, provider, idp } = await given();
    const query = await arrive();
    query.set('iss', 'https://other.example.test');
    expect(await failureOf(provider.redeem(query, REQUEST))).toMatchObject(refusedFor('issuer_mismatch'));
    expect(idp.requests.map(({ path }) => path)).not.toContain('/token');
  });

  it('is refused without iss when the provider announces it', async () => {
    const { arrive, provider } = await given();
    const query = await arrive();
    query.delete('iss');
    expect(await failureOf(provider.redeem(query, REQUEST))).toMatchObject(refusedFor('issuer_mismatch'));
  });

  it('is refused when iss is repeated with another value', async () => {
    const { arrive, provider } = await given();
    const query = await arrive();
    query.append('iss', 'https://other.example.test');
    expect(await failureOf(provider.redeem(query, REQUEST))).toMatchObject(refusedFor('issuer_mismatch'));
  });

  it('is not redeemed for another state', async () => {
    const { arrive, provider, idp } = await given();
    const query = await arrive();
    query.set('state', 'of-somebody-else');
    expect(await failureOf(provider.redeem(query, REQUEST))).toMatchObject({ code: 'idp_answer' });
    expect(idp.requests.map(({ path }) => path)).not.toContain('/token');
  });

  it('is refused when the code has been used', async () => {
    const { arrive, provider } = await given();
    const query = await arrive();
    await provider.redeem(query, REQUEST);
    expect(await failureOf(provider.redeem(query, REQUEST))).toMatchObject(refusedFor('invalid_grant'));
  });

  it('is refused when the verifier is another one', async () => {
    const { arrive, provider } = await given();
    const request = { ...REQUEST, codeVerifier: 'another-verifier-that-is-also-quite-long-enough' };
    expect(await failureOf(provider.redeem(await arrive(), request))).toMatchObject(
      refusedFor('invalid_grant'),
    );
  });
});

describe('an id_token', () => {
  const refusals: readonly [string, string, Parameters<World['forgeIdToken']>][] = [
    ['of another issuer', 'id_token_issuer', [(c) => ({ ...c, iss: 'https://other.example.test' })]],
    ['for another audience', 'id_token_audience', [(c) => ({ ...c, aud: 'another' })]],
    ['issued to another party', 'id_token_authorized_party', [(c) => ({ ...c, azp: 'another' })]],
    [
      'for several audiences without azp',
      'id_token_authorized_party',
      [(c) => ({ ...c, aud: ['gateway', 'b'] })],
    ],
    ['of another sign-in', 'id_token_nonce', [(c) => ({ ...c, nonce: 'another' })]],
    ['without nonce', 'id_token_nonce', [({ nonce: _, ...c }) => c]],
    ['that has expired', 'id_token_expired', [(c) => ({ ...c, exp: Math.floor(Date.now() / 1000) - 1 })]],
    [
      'that is not valid yet',
      'id_token_not_yet_valid',
      [(c) => ({ ...c, nbf: Math.floor(Date.now() / 1000) + 30 })],
    ],
    ['without an end', 'id_token_malformed', [({ exp: _, ...c }) => c]],
    ['without a subject', 'id_token_malformed', [({ sub: _, ...c }) => c]],
    ['with an empty subject', 'id_token_malformed', [(c) => ({ ...c, sub: '' })]],
    ['signed with an unknown key', 'id_token_unknown_key', [(c) => c, { kid: 'unknown' }]],
  ];

  it.each(refusals)('%s is refused (%s)', async (_what, reason, forgery) => {
    const { forgeIdToken, signIn } = await given();
    forgeIdToken(...forgery);
    expect(await failureOf(signIn())).toMatchObject(refusedFor(reason));
  });

  it('may name an additional authorised party', async () => {
    const { forgeIdToken, signIn } = await given({ additionalAuthorizedParties: ['mobile'] });
    forgeIdToken((claims) => ({ ...claims, aud: ['gateway', 'mobile'], azp: 'mobile' }));
    expect((await signIn()).claims.sub).toBe(ADA);
  });

  it('may be late within clock_skew_seconds', async () => {
    const { forgeIdToken, signIn } = await given({ clockSkewSeconds: 60 });
    const now = Math.floor(Date.now() / 1000);
    forgeIdToken((claims) => ({ ...claims, exp: now - 20, nbf: now + 20 }));
    expect((await signIn()).claims.sub).toBe(ADA);
  });

  const forgedToken = (token: string | undefined) =>
    world.idp.intercept('/token', async (_request, original) => {
      const { body, ...answer } = await original();
      const { id_token: _, ...rest } = body;
      return { ...answer, body: token === undefined ? rest : { ...rest, id_token: token } };
    });
  const claimsOfAda = () => ({
    iss: world.idp.issuer,
    sub: ADA,
    aud: 'gateway',
    nonce: REQUEST.nonce,
    iat: Math.floor(Date.now() / 1000),
    exp: Math.floor(Date.now() / 1000) + 60,
  });
  const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

  it('without a signature is refused', async () => {
    const { signIn } = await given();
    forgedToken(`${base64url({ alg: 'none' })}.${base64url(claimsOfAda())}.`);
    expect(await failureOf(signIn())).toMatchObject(refusedFor('id_token_algorithm'));
  });

  it("authenticated by HMAC with the provider's public key is refused", async () => {
    const { signIn } = await given();
    const pem = createPublicKey(KEYS.RS256).export({ type: 'spki', format: 'pem' });
    const signed = `${base64url({ alg: 'HS256', kid: 'practice-RS256' })}.${base64url(claimsOfAda())}`;
    forgedToken(`${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`);
    expect(await failureOf(signIn())).toMatchObject(refusedFor('id_token_algorithm'));
  });

  it('authenticated by HMAC with the client secret is refused', async () => {
    const { signIn, idp } = await given();
    const key = new TextEncoder().encode(idp.clientSecret);
    forgedToken(await new SignJWT(claimsOfAda()).setProtectedHeader({ alg: 'HS256' }).sign(key));
    expect(await failureOf(signIn())).toMatchObject(refusedFor('id_token_algorithm'));
  });

  it('signed with another algorithm than the expected one is refused, though the key is the right one', async () => {
    const { signIn } = await given();
    const header = { alg: 'PS256', kid: 'practice-RS256' };
    forgedToken(await new SignJWT(claimsOfAda()).setProtectedHeader(header).sign(KEYS.RS256));
    expect(await failureOf(signIn())).toMatchObject(refusedFor('id_token_algorithm'));
  });

  it("signed by somebody else under the provider's key id is refused", async () => {
    const { signIn } = await given();
    const header = { alg: 'RS256', kid: 'practice-RS256' };
    forgedToken(await new SignJWT(claimsOfAda()).setProtectedHeader(header).sign(KEYS.PS256));
    expect(await failureOf(signIn())).toMatchObject(refusedFor('id_token_signature'));
  });

  it.each([
    ['missing', undefined, refusedFor('id_token_missing')],
    ['no JWT', 'gibberish', refusedFor('id_token_malformed')],
    ['encrypted', 'a.b.c.d.e', refusedFor('id_token_malformed')],
  ])('that is %s is refused', async (_what, token, expected) => {
    const { signIn } = await given();
    forgedToken(token);
    expect(await failureOf(signIn())).toMatchObject(expected);
  });

  it('with a critical extension nobody knows is refused', async () => {
    const { signIn } = await given();
    const header = { alg: 'RS256', kid: 'practice-RS256', crit: ['new'], new: true };
    const signed = `${base64url(header)}.${base64url(claimsOfAda())}`;
    forgedToken(`${signed}.${sign('RSA-SHA256', Buffer.from(signed), KEYS.RS256).toString('base64url')}`);
    expect(await failureOf(signIn())).toMatchObject(refusedFor('id_token_malformed'));
  });

  it('without a key id is tried with each fitting key', async () => {
    const { signIn, idp } = await given();
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const keys = [await publicJwk(KEYS.PS256), await publicJwk(KEYS.RS256)];
    idp.intercept('/jwks', () => ({ status: 200, body: { keys } }));
    forgedToken(await new SignJWT(claimsOfAda()).setProtectedHeader({ alg: 'RS256' }).sign(KEYS.RS256));
    expect((await signIn()).claims.sub).toBe(ADA);
    forgedToken(await new SignJWT(claimsOfAda()).setProtectedHeader({ alg: 'RS256' }).sign(stranger));
    expect(await failureOf(signIn())).toMatchObject(refusedFor('id_token_signature'));
  });
});

describe('admission', () => {
  it.each<[string, Partial<OpenIdProviderOptions>, Record<string, unknown>, string]>([
    ['an unverified email', {}, { email_verified: false }, 'email_not_verified'],
    ['an email unverified as text', {}, { email_verified: 'false' }, 'email_not_verified'],
    ['another email domain', { allowedEmailDomains: ['corp.example.test'] }, {}, 'email_domain_not_allowed'],
    [
      'no email where domains count',
      { allowedEmailDomains: ['example.test'] },
      { email: undefined },
      'email_missing',
    ],
    ['none of the groups', { allowedGroups: ['ops', 'Eng'] }, {}, 'groups_not_allowed'],
    ['groups by reference', {}, { groups: undefined, _claim_names: { groups: 'src1' } }, 'groups_overage'],
    ['groups by marker', {}, { groups: undefined, hasgroups: true }, 'groups_overage'],
  ])('refuses %s', async (_what, overrides, claims, reason) => {
    const { forgeIdToken, signIn } = await given(overrides);
    forgeIdToken((genuine) => ({ ...genuine, ...claims }));
    expect(await failureOf(signIn())).toMatchObject(refusedFor(reason));
  });

  it('says what the log of a missing email has to say, and what fixes an overage', async () => {
    const { forgeIdToken, signIn } = await given({ allowedEmailDomains: ['example.test'] });
    forgeIdToken(({ email: _, ...claims }) => claims);
    expect(await failureOf(signIn())).toMatchObject({ detail: 'id_token missing email claim' });
    forgeIdToken(({ groups: _, ...claims }) => ({ ...claims, hasgroups: true }));
    expect(await failureOf(signIn())).toMatchObject({ detail: expect.stringContaining('oidc.groups_claim') });
  });

  it('lets somebody without an email in when domains do not count', async () => {
    const { forgeIdToken, signIn } = await given();
    forgeIdToken(({ email: _, groups: __, ...claims }) => claims);
    expect((await signIn()).claims).toMatchObject({ email: undefined, groups: [] });
  });

  it('ends a sign-in whose groups cannot be read without calling them none', async () => {
    const { forgeIdToken, signIn } = await given();
    forgeIdToken((claims) => ({ ...claims, groups: [{ id: 1 }] }));
    expect(await failureOf(signIn())).toMatchObject({ code: 'idp_answer' });
  });
});

describe('userinfo', () => {
  const asked = () => world.idp.requests.filter(({ path }) => path === '/me').length;

  it('is not asked when the id_token has everything', async () => {
    const { signIn } = await given({ userinfoFallback: true });
    await signIn();
    expect(asked()).toBe(0);
  });

  it('is not asked when the fallback is off', async () => {
    const { signIn, forgeIdToken } = await given();
    forgeIdToken(({ groups: _, ...claims }) => claims);
    expect((await signIn()).claims.groups).toEqual([]);
    expect(asked()).toBe(0);
  });

  it('fills what is absent and replaces nothing', async () => {
    const { signIn, forgeIdToken, log } = await given({ userinfoFallback: true });
    forgeIdToken(({ groups: _, ...claims }) => ({ ...claims, email: 'other@example.test' }));
    expect((await signIn()).claims).toMatchObject({ email: 'other@example.test', groups: ['eng'] });
    expect(asked()).toBe(1);
    expect(log.at('debug')).toContainEqual(
      'debug claim names in userinfo: email, email_verified, groups, name, sub',
    );
  });

  it('of another subject ends the sign-in', async () => {
    const { signIn, forgeIdToken, idp } = await given({ userinfoFallback: true });
    forgeIdToken(({ groups: _, ...claims }) => claims);
    idp.intercept('/me', async () => ({ status: 200, body: { sub: 'somebody-else', groups: ['admins'] } }));
    expect(await failureOf(signIn())).toMatchObject({ code: 'idp_answer' });
  });

  it('that refuses its own token ends the sign-in with an operator error', async () => {
    const { signIn, forgeIdToken, idp } = await given({ userinfoFallback: true });
    forgeIdToken(({ email: _, ...claims }) => claims);
    idp.intercept('/me', async () => ({
      status: 401,
      body: {},
      headers: { 'www-authenticate': 'Bearer realm="x", error="invalid_token"' },
    }));
    expect(await failureOf(signIn())).toMatchObject({
      code: 'idp_answer',
      detail: 'invalid_token (HTTP 401) (at userinfo)',
    });
  });
});

describe('a provider in trouble', () => {
  it.each([
    [{ status: 500, body: {} }, 'idp_unreachable'],
    [{ status: 503, body: { error: 'invalid_grant' } }, 'idp_unreachable'],
    [{ status: 429, body: { error: 'slow_down' } }, 'idp_unreachable'],
    [{ status: 401, body: { error: 'invalid_client' } }, 'idp_misconfigured'],
    [{ status: 400, body: { error: 'unauthorized_client' } }, 'idp_misconfigured'],
    [{ status: 400, body: { error: 'invalid_scope' } }, 'idp_misconfigured'],
    [{ status: 302, body: {}, headers: { location: 'http://127.0.0.1:1/' } }, 'idp_answer'],
    [{ status: 403, body: {} }, 'idp_answer'],
    [{ status: 200, body: {} }, 'idp_answer'],
    [{ status: 200, body: { access_token: 'a', token_type: 'mac' } }, 'idp_answer'],
  ])('answering %j at the token endpoint gives %s', async (answer, code) => {
    const { signIn, idp } = await given();
    idp.intercept('/token', () => answer);
    expect(await failureOf(signIn())).toMatchObject({ code });
  });

  it('whose keys cannot be read signs nobody in', async () => {
    const { signIn, idp } = await given();
    idp.intercept('/jwks', () => ({ status: 500, body: {} }));
    expect(await failureOf(signIn())).toMatchObject({
      code: 'idp_unreachable',
      detail: 'HTTP 500 (at keys)',
    });
    idp.intercept('/jwks', () => ({ status: 200, body: { keys: 'none' } }));
    expect(await failureOf(signIn())).toMatchObject({ code: 'idp_answer', detail: 'no key set (at keys)' });
    idp.intercept('/jwks', undefined);
    expect((await signIn()).claims.sub).toBe(ADA);
  });

  it('that never answers is given up after the budget', async () => {
    const { arrive, provider, idp } = await given({ budgets: { redeemMs: 150 } });
    const query = await arrive();
    idp.intercept('/token', () => undefined);
    expect(await failureOf(provider.redeem(query, REQUEST))).toMatchObject({
      code: 'idp_unreachable',
      detail: 'timed out after 150ms',
    });
  });

  it('that is gone is unreachable, and the code in the callback stays out of the error', async () => {
    const { arrive, provider, idp } = await given();
    const query = await arrive();
    await idp.close();
    const error = await failureOf(provider.redeem(query, REQUEST));
    expect(error).toMatchObject({
      code: 'idp_unreachable',
      detail: expect.stringMatching(
        /^cannot be reached: (ECONNREFUSED|UND_ERR_SOCKET) \(at code_exchange\)$/,
      ),
    });
    expect(inspect(error, { depth: 10 })).not.toContain(query.get('code'));
    await given();
  });
});
