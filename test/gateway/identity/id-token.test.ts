import fc from 'fast-check';
import { createLocalJWKSet, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { createIdTokenVerifier, type VerifyIdToken } from '../../../src/gateway/identity/id-token.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { many } from '../../support/property-runs.ts';
import { KEYS, publicJwk } from './openid-world.ts';

let genuine: string;
let verify: VerifyIdToken;

beforeAll(async () => {
  const keys = createLocalJWKSet({ keys: [await publicJwk(KEYS.EdDSA, { kid: 'a' })].map(asKey) });
  verify = createIdTokenVerifier(
    {
      issuer: 'https://idp.example.test',
      clientId: 'gateway',
      algorithm: 'EdDSA',
      additionalAuthorizedParties: [],
      clockSkewSeconds: 0,
    },
    { current: async () => keys, newerThan: async () => undefined },
    systemClock,
  );
  genuine = await new SignJWT({ sub: 'ada' })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'a' })
    .setIssuer('https://idp.example.test')
    .setAudience('gateway')
    .setIssuedAt()
    .setExpirationTime('5 minutes')
    .sign(KEYS.EdDSA);
});

function asKey({ kty = '', ...jwk }: Record<string, string | undefined>) {
  return { kty, ...Object.fromEntries(Object.entries(jwk).filter(([, value]) => value !== undefined)) };
}

describe('the id_token verifier', () => {
  it('verifies a genuine token', async () => {
    expect(await verify(genuine, {})).toMatchObject({ kind: 'verified', claims: { sub: 'ada' } });
  });

  it('rejects any text with a reason, and never throws', async () => {
    const json = fc.json().map((text) => Buffer.from(text).toString('base64url'));
    const shaped = fc.tuple(json, json, fc.base64String()).map((parts) => parts.join('.'));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), shaped), async (text) => {
        expect(await verify(text, {})).toMatchObject({
          kind: 'rejected',
          reason: expect.stringMatching(/^id_token_/),
        });
      }),
      many(),
    );
  });

  it('verifies no genuine token with a character changed, and quotes none of it', async () => {
    const changed = fc
      .tuple(fc.nat(genuine.length - 2), fc.constantFrom(...'AZaz09-_.~'))
      .map(([at, character]) => ({
        text: genuine.slice(0, at) + character + genuine.slice(at + 1),
      }));
    await fc.assert(
      fc.asyncProperty(changed, async ({ text }) => {
        fc.pre(text !== genuine);
        const outcome = await verify(text, {});
        expect(outcome.kind).not.toBe('verified');
        expect(JSON.stringify(outcome)).not.toContain('ada');
      }),
      many(),
    );
  });
});
