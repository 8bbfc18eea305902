import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { IdTokenAlgorithm } from '../../../src/gateway/identity/id-token.ts';
import type { OpenIdProviderOptions } from '../../../src/gateway/identity/openid-provider.ts';
import { secret } from '../../../src/kernel/secret.ts';
import {
  ADA,
  createTestLog,
  failureOf,
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

const unusableFor = (reason: string) => ({ code: 'idp_answer', facts: { reason } });
/** What the provider says of a code that it does not take. */
const usedCode = {
  code: 'idp_answer',
  detail: expect.stringMatching(
    /^invalid_grant \(HTTP 400\) \(at code_exchange, the code was used already or has expired/,
  ),
};

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
  it('is not accepted when the answer names another issuer', async () => {
    const { arrive, provider, idp } = await given();
    const query = await arrive();
    query.set('iss', 'https://other.example.test');
    expect(await failureOf(provider.redeem(query, REQUEST))).toMatchObject(unusableFor('issuer_mismatch'));
    expect(idp.requests.map(({ path }) => path)).not.toContain('/token');
  });

  it('is not accepted without iss when the provider announces it', async () => {
    const { arrive, provider } = await given();
    const query = await arrive();
    query.delete('iss');
    expect(await failureOf(provider.redeem(query, REQUEST))).toMatchObject(unusableFor('issuer_mismatch'));
  });

  it('is not accepted when iss is repeated with another value', async () => {
    const { arrive, provider } = await given();
    const query = await arrive();
    query.append('iss', 'https://other.example.test');
    expect(await failureOf(provider.redeem(query, REQUEST))).toMatchObject(unusableFor('issuer_mismatch'));
  });

  it.each([
    [
      'access_denied',
      'of another issuer',
      (query: URLSearchParams) => query.set('iss', 'https://other.example.test'),
    ],
    ['server_error', 'without iss', (query: URLSearchParams) => query.delete('iss')],
  ])("with the error %s %s is not the provider's word", async (error, _what, change) => {
    const { arrive, provider } = await given();
    const query = await arrive();
    query.delete('code');
    query.set('error', error);
    change(query);
    expect(await failureOf(provider.redeem(query, REQUEST))).toMatchObject(unusableFor('issuer_mismatch'));
  });

  it.each([
    ['access_denied', 'sign_in_refused'],
    ['login_required', 'idp_answer'],
  ])('with the error %s is %s', async (error, code) => {
    const { arrive, provider, idp } = await given();
    const query = await arrive();
    query.set('error', error);
    expect(await failureOf(provider.redeem(query, REQUEST))).toMatchObject({
      code,
      facts: { reason: error },
    });
    expect(idp.requests.map(({ path }) => path)).not.toContain('/token');
  });

  it('is not redeemed for another state', async () => {
    const { arrive, provider, idp } = await given();
    const query = await arrive();
    query.set('state', 'of-somebody-else');
    expect(await failureOf(provider.redeem(query, REQUEST))).toMatchObject({ code: 'idp_answer' });
    expect(idp.requests.map(({ path }) => path)).not.toContain('/token');
  });

  it('whose code has been used says nothing about the person', async () => {
    const { arrive, provider } = await given();
    const query = await arrive();
    await provider.redeem(query, REQUEST);
    expect(await failureOf(provider.redeem(query, REQUEST))).toMatchObject(usedCode);
  });

  it('is not redeemed with another verifier', async () => {
    const { arrive, provider } = await given();
    const request = { ...REQUEST, codeVerifier: 'another-verifier-that-is-also-quite-long-enough' };
    expect(await failureOf(provider.redeem(await arrive(), request))).toMatchObject(usedCode);
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
    [{ status: 400, body: { error: 'interaction_required' } }, 'idp_answer'],
    [{ status: 400, body: { error: 'access_denied' } }, 'sign_in_refused'],
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
