import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { createIdTokenVerifier, type VerifyIdToken } from '../../../src/gateway/identity/id-token.ts';
import { createIdTokenKeys } from '../../../src/gateway/identity/id-token-keys.ts';
import type { ProviderFetch } from '../../../src/gateway/identity/openid-fetch.ts';
import { createTestClock, failureOf, publicJwk, type TestClock } from './openid-world.ts';

const first = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const second = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

let published: object[];
let loads: number;
let clock: TestClock;
let verify: VerifyIdToken;

const fetchKeys: ProviderFetch = async () => {
  loads += 1;
  return Response.json({ keys: published });
};

beforeEach(async () => {
  clock = createTestClock();
  loads = 0;
  published = [await publicJwk(first, { kid: 'first' })];
  verify = verifierWith(fetchKeys);
});

function verifierWith(fetch: ProviderFetch): VerifyIdToken {
  const options = {
    issuer: 'https://idp.example.test',
    clientId: 'gateway',
    algorithm: 'ES256' as const,
    additionalAuthorizedParties: [],
    clockSkewSeconds: 0,
  };
  return createIdTokenVerifier(
    options,
    createIdTokenKeys('https://idp.example.test/keys', fetch, clock),
    clock,
  );
}

async function token(key: typeof first, kid: string): Promise<string> {
  const issuedAt = Math.floor(clock.now() / 1000);
  return new SignJWT({ sub: 'ada' })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setIssuer('https://idp.example.test')
    .setAudience('gateway')
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + 60)
    .sign(key);
}

const outcomeOf = async (key: typeof first, kid: string) => (await verify(await token(key, kid), {})).kind;

describe("the provider's keys", () => {
  it('are read once for many tokens', async () => {
    for (let i = 0; i < 3; i += 1) expect(await outcomeOf(first, 'first')).toBe('verified');
    expect(loads).toBe(1);
  });

  it('are read once for tokens that arrive together', async () => {
    const tokens = await Promise.all([1, 2, 3].map(() => token(first, 'first')));
    const outcomes = await Promise.all(tokens.map((text) => verify(text, {})));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['verified', 'verified', 'verified']);
    expect(loads).toBe(1);
  });

  it('are read again when a token names a new one', async () => {
    await outcomeOf(first, 'first');
    published = [await publicJwk(second, { kid: 'second' }), ...published];
    clock.advance(31_000);
    expect(await outcomeOf(second, 'second')).toBe('verified');
    expect(await outcomeOf(first, 'first')).toBe('verified');
    expect(loads).toBe(2);
  });

  it('are not read again for each unknown key', async () => {
    await outcomeOf(first, 'first');
    for (let i = 0; i < 5; i += 1) expect(await outcomeOf(second, `made-up-${i}`)).toBe('rejected');
    expect(loads).toBe(1);
    clock.advance(31_000);
    for (let i = 0; i < 5; i += 1) expect(await outcomeOf(second, `made-up-${i}`)).toBe('rejected');
    expect(loads).toBe(2);
  });

  it('that were withdrawn verify nothing after ten minutes', async () => {
    await outcomeOf(first, 'first');
    published = [await publicJwk(second, { kid: 'second' })];
    clock.advance(10 * 60_000 + 1);
    expect(await outcomeOf(first, 'first')).toBe('rejected');
  });

  it('are read again when another one has an old name', async () => {
    await outcomeOf(first, 'first');
    published = [await publicJwk(second, { kid: 'first' })];
    clock.advance(31_000);
    expect(await outcomeOf(second, 'first')).toBe('verified');
    expect(loads).toBe(2);
    expect(await outcomeOf(first, 'first')).toBe('rejected');
    expect(loads).toBe(2);
  });

  it('are not read again for each token that does not verify', async () => {
    await outcomeOf(first, 'first');
    for (let i = 0; i < 5; i += 1) expect(await outcomeOf(second, 'first')).toBe('rejected');
    expect(loads).toBe(1);
    clock.advance(31_000);
    for (let i = 0; i < 5; i += 1) expect(await outcomeOf(second, 'first')).toBe('rejected');
    expect(loads).toBe(2);
  });

  it('that are new verify all tokens that came while they were read', async () => {
    await outcomeOf(first, 'first');
    published = [await publicJwk(second, { kid: 'first' })];
    clock.advance(31_000);
    const outcomes = await Promise.all([1, 2, 3].map(() => outcomeOf(second, 'first')));
    expect(outcomes).toEqual(['verified', 'verified', 'verified']);
    expect(loads).toBe(2);
  });

  it('are not asked for by a token that none of them could verify', async () => {
    expect(await verify('a.b.c', {})).toMatchObject({ kind: 'rejected', reason: 'id_token_malformed' });
    expect(loads).toBe(0);
  });

  it('are asked for again after a failure', async () => {
    let isDown = true;
    verify = verifierWith(async (...request) => {
      if (isDown) throw new Error('down');
      return fetchKeys(...request);
    });
    expect(await failureOf(outcomeOf(first, 'first'))).toMatchObject({ message: 'down' });
    isDown = false;
    expect(await outcomeOf(first, 'first')).toBe('verified');
  });

  it('for another use or algorithm are not taken', async () => {
    published = [
      await publicJwk(first, { kid: 'first', use: 'enc' }),
      await publicJwk(first, { kid: 'first', alg: 'ES384' }),
    ];
    expect(await verify(await token(first, 'first'), {})).toMatchObject({ reason: 'id_token_unknown_key' });
  });
});
