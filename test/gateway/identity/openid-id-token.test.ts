import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import type { OpenIdProviderOptions } from '../../../src/gateway/identity/openid-provider.ts';
import {
  ADA,
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

/** An id_token that cannot be accepted says nothing about the person. */
const unusableFor = (reason: string) => ({ code: 'idp_answer', facts: { kind: reason, reason } });

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
  ];

  it.each(refusals)('%s is refused (%s)', async (_what, reason, forgery) => {
    const { forgeIdToken, signIn } = await given();
    forgeIdToken(...forgery);
    expect(await failureOf(signIn())).toMatchObject(unusableFor(reason));
  });

  it('signed with an unknown key says nothing about the person', async () => {
    const { forgeIdToken, signIn } = await given();
    forgeIdToken((claims) => claims, { kid: 'unknown' });
    expect(await failureOf(signIn())).toMatchObject(unusableFor('id_token_unknown_key'));
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
    expect(await failureOf(signIn())).toMatchObject(unusableFor('id_token_algorithm'));
  });

  it("authenticated by HMAC with the provider's public key is refused", async () => {
    const { signIn } = await given();
    const pem = createPublicKey(KEYS.RS256).export({ type: 'spki', format: 'pem' });
    const signed = `${base64url({ alg: 'HS256', kid: 'practice-RS256' })}.${base64url(claimsOfAda())}`;
    forgedToken(`${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`);
    expect(await failureOf(signIn())).toMatchObject(unusableFor('id_token_algorithm'));
  });

  it('authenticated by HMAC with the client secret is refused', async () => {
    const { signIn, idp } = await given();
    const key = new TextEncoder().encode(idp.clientSecret);
    forgedToken(await new SignJWT(claimsOfAda()).setProtectedHeader({ alg: 'HS256' }).sign(key));
    expect(await failureOf(signIn())).toMatchObject(unusableFor('id_token_algorithm'));
  });

  it('signed with another algorithm than the expected one is refused, though the key is the right one', async () => {
    const { signIn } = await given();
    const header = { alg: 'PS256', kid: 'practice-RS256' };
    forgedToken(await new SignJWT(claimsOfAda()).setProtectedHeader(header).sign(KEYS.RS256));
    expect(await failureOf(signIn())).toMatchObject(unusableFor('id_token_algorithm'));
  });

  it("signed by somebody else under the provider's key id signs nobody in", async () => {
    const { signIn } = await given();
    const header = { alg: 'RS256', kid: 'practice-RS256' };
    forgedToken(await new SignJWT(claimsOfAda()).setProtectedHeader(header).sign(KEYS.PS256));
    expect(await failureOf(signIn())).toMatchObject(unusableFor('id_token_signature'));
  });

  it.each([
    ['missing', undefined, unusableFor('id_token_missing')],
    ['no JWT', 'gibberish', unusableFor('id_token_malformed')],
    ['encrypted', 'a.b.c.d.e', unusableFor('id_token_malformed')],
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
    expect(await failureOf(signIn())).toMatchObject(unusableFor('id_token_malformed'));
  });

  it('without a key id is tried with each fitting key', async () => {
    const { signIn, idp } = await given();
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const keys = [await publicJwk(KEYS.PS256), await publicJwk(KEYS.RS256)];
    idp.intercept('/jwks', () => ({ status: 200, body: { keys } }));
    forgedToken(await new SignJWT(claimsOfAda()).setProtectedHeader({ alg: 'RS256' }).sign(KEYS.RS256));
    expect((await signIn()).claims.sub).toBe(ADA);
    forgedToken(await new SignJWT(claimsOfAda()).setProtectedHeader({ alg: 'RS256' }).sign(stranger));
    expect(await failureOf(signIn())).toMatchObject(unusableFor('id_token_signature'));
  });
});
