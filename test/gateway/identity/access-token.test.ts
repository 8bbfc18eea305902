import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { decodeJwt, decodeProtectedHeader, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { type AccessTokenOptions, createAccessTokens } from '../../../src/gateway/identity/access-token.ts';
import { createKeyRing } from '../../../src/gateway/identity/keys.ts';
import { secret } from '../../../src/kernel/secret.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { many } from '../../support/property-runs.ts';

const SECRET = 'the first secret of these tests, long enough é';
const OLD_SECRET = 'the second secret of these tests, long enough';
const NOW_SECONDS = 1_780_000_000;
const ADA = { sub: 'ada', email: 'ada@example.test', name: 'Ada', groups: ['eng', 'oncall'] };

interface Setting extends Partial<AccessTokenOptions> {
  readonly secrets?: readonly string[];
  readonly atSeconds?: number;
}

function tokensOf({ secrets = [SECRET], atSeconds = NOW_SECONDS, ...options }: Setting = {}) {
  const standing = { issuer: 'https://gateway.example', audience: 'client', ttlSeconds: 3600 };
  const ring = createKeyRing(secrets.map(secret));
  return createAccessTokens({ ...standing, ...options }, ring, createManualClock(atSeconds * 1000));
}

const tokens = tokensOf();
const mint = async (setting?: Setting) => (await tokensOf(setting).mint('session-1', ADA)).token;

const CLAIMS = {
  sub: 'ada',
  sid: 'session-1',
  iss: 'https://gateway.example',
  aud: 'client',
  iat: NOW_SECONDS,
  exp: NOW_SECONDS + 60,
  groups: [],
};
const signed = (changes: JWTPayload = {}, header: Record<string, unknown> = {}, key = SECRET) =>
  new SignJWT({ ...CLAIMS, ...changes })
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', ...header })
    .sign(new TextEncoder().encode(key));
/** Signed by hand, with whatever header. */
const handSigned = (header: object, payload: string) => {
  const input = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}`;
  return `${input}.${createHmac('sha256', SECRET).update(input).digest('base64url')}`;
};

describe('an access token', () => {
  it('says who signed in, for whom, until when', async () => {
    const { token, expiresInSeconds } = await tokens.mint('session-1', ADA);
    expect(expiresInSeconds).toBe(3600);
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'at+jwt' });
    expect(decodeJwt(token)).toEqual({
      ...ADA,
      iss: 'https://gateway.example',
      aud: 'client',
      sid: 'session-1',
      iat: NOW_SECONDS,
      exp: NOW_SECONDS + 3600,
      jti: expect.stringMatching(/^[\da-f-]{36}$/),
    });
    expect(decodeJwt(await mint()).jti).not.toBe(decodeJwt(token).jti);
  });

  it('leaves out the email and the name that are not known', async () => {
    const { token } = await tokens.mint('session-1', {
      sub: 'ada',
      email: undefined,
      name: undefined,
      groups: [],
    });
    expect(Object.keys(decodeJwt(token)).sort()).toEqual([
      'aud',
      'exp',
      'groups',
      'iat',
      'iss',
      'jti',
      'sid',
      'sub',
    ]);
  });

  it('carries the billing group tag where one is set', async () => {
    expect(decodeJwt(await mint({ billingGroupTag: 'cost-centre' }))['billing_group_tag']).toBe(
      'cost-centre',
    );
  });

  it('is signed with the UTF-8 bytes of the first secret as written, so that others can verify it', async () => {
    const [header, payload, signature] = (await mint({ secrets: [SECRET, OLD_SECRET] })).split('.');
    expect(createHmac('sha256', SECRET).update(`${header}.${payload}`).digest('base64url')).toBe(signature);
  });

  it('yields the caller it was made for', async () => {
    expect(await tokens.verify(await mint())).toEqual({
      caller: { ...ADA, sid: 'session-1', expiresAtMs: (NOW_SECONDS + 3600) * 1000 },
      issuedAtMs: NOW_SECONDS * 1000,
    });
  });

  it('of hundreds of groups is as good as any', async () => {
    const groups = Array.from({ length: 800 }, (_, i) => `CN=group-${i},OU=groups,DC=example,DC=test`);
    const { token } = await tokens.mint('session-1', { ...ADA, groups });
    expect((await tokens.verify(token))?.caller.groups).toEqual(groups);
  });
});

describe('verification', () => {
  it('takes tokens of every configured secret, wherever it stands in the list', async () => {
    const old = await mint({ secrets: [OLD_SECRET] });
    expect(await tokensOf({ secrets: [SECRET, OLD_SECRET] }).verify(old)).toBeDefined();
    expect(await tokensOf({ secrets: [OLD_SECRET, SECRET] }).verify(old)).toBeDefined();
    expect(await tokensOf({ secrets: [SECRET] }).verify(old)).toBeUndefined();
  });

  it.each([
    [3599, true],
    [3600, true],
    [3604, true],
    [3605, false],
    [3606, false],
    [100_000_000, false],
  ])('%i seconds after the minting of a token of one hour: %s', async (seconds, isValid) => {
    const later = tokensOf({ atSeconds: NOW_SECONDS + seconds });
    expect((await later.verify(await mint())) !== undefined).toBe(isValid);
  });

  it('for signing out takes expired ones as well, and no others', async () => {
    const later = tokensOf({ atSeconds: NOW_SECONDS + 100_000_000 });
    expect((await later.verify(await mint(), { evenIfExpired: true }))?.caller.sid).toBe('session-1');
    const foreign = await signed({}, {}, OLD_SECRET);
    expect(await later.verify(foreign, { evenIfExpired: true })).toBeUndefined();
    expect(await later.verify(await signed({ aud: 'other' }), { evenIfExpired: true })).toBeUndefined();
  });

  it('takes a token with what a newer release may add', async () => {
    expect(await tokens.verify(await signed({ added: { later: true } }))).toBeDefined();
  });

  it.each<[string, JWTPayload]>([
    ['another issuer', { iss: 'https://other.example' }],
    ['an issuer with a slash more', { iss: 'https://gateway.example/' }],
    ['another audience', { aud: 'other' }],
    ['a later start', { nbf: NOW_SECONDS + 60 }],
    ['an empty sub', { sub: '' }],
    ['an empty sid', { sid: '' }],
    ['an exp that is text', { exp: `${NOW_SECONDS + 60}` as unknown as number }],
    ['groups that are text', { groups: 'eng' }],
    ['an email that is a list', { email: ['ada@example.test'] }],
  ])('refuses %s', async (_what, changes) => {
    expect(await tokens.verify(await signed(changes))).toBeUndefined();
  });

  it.each(['sub', 'sid', 'iss', 'aud', 'exp', 'iat'])('refuses a token without %s', async (name) => {
    expect(await tokens.verify(await signed())).toBeDefined();
    expect(await tokens.verify(await signed({ [name]: undefined }))).toBeUndefined();
  });

  it.each<[string, Record<string, unknown>]>([
    ['of another type', { typ: 'JWT' }],
    ['of an id_token’s type', { typ: 'id_token+jwt' }],
    ['without a type', { typ: undefined }],
    ['of HS384', { alg: 'HS384' }],
    ['of HS512', { alg: 'HS512' }],
  ])('refuses a token %s', async (_what, header) => {
    expect(await tokens.verify(await signed({}, header))).toBeUndefined();
  });

  it('refuses a token without a signature', async () => {
    const unsecured = new UnsecuredJWT(CLAIMS).encode();
    const [, payload] = unsecured.split('.');
    const header = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url');
    expect(await tokens.verify(unsecured)).toBeUndefined();
    expect(await tokens.verify(`${header}.${payload}.`)).toBeUndefined();
    const [realHeader, realPayload] = (await mint()).split('.');
    expect(await tokens.verify(`${realHeader}.${realPayload}.`)).toBeUndefined();
    expect(await tokens.verify(`${realHeader}.${realPayload}`)).toBeUndefined();
  });

  it('refuses a header that claims another algorithm or extension over a genuine signature', async () => {
    const [, payload = ''] = (await mint()).split('.');
    const headerWith = (changes: object) => ({ alg: 'HS256', typ: 'at+jwt', ...changes });
    expect(await tokens.verify(handSigned(headerWith({}), payload))).toBeDefined();
    for (const alg of ['none', 'None', 'hs256', 'RS256', 'ES256', 'HS256 ', '', null, ['HS256']])
      expect(await tokens.verify(handSigned(headerWith({ alg }), payload))).toBeUndefined();
    expect(await tokens.verify(handSigned(headerWith({ crit: ['x'], x: 1 }), payload))).toBeUndefined();
    expect(
      await tokens.verify(handSigned(headerWith({ b64: false, crit: ['b64'] }), payload)),
    ).toBeUndefined();
  });

  it('refuses each other spelling of the same signature', async () => {
    const [header, payload, signature = ''] = (await mint()).split('.');
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.indexOf(
      signature.at(-1) ?? '',
    );
    const twin = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'[last + 1];
    const spellings = [
      signature.slice(0, -1) + twin,
      `${signature}=`,
      `${signature}==`,
      ` ${signature}`,
      `${signature}\n`,
    ];
    for (const spelling of spellings) {
      expect(Buffer.from(spelling, 'base64url').equals(Buffer.from(signature, 'base64url'))).toBe(true);
      expect(await tokens.verify(`${header}.${payload}.${spelling}`)).toBeUndefined();
    }
  });

  it('refuses every token in which any character was changed, added or taken away', async () => {
    const token = await mint();
    const anywhere = fc.nat(token.length - 1);
    const character = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 });
    const mutation = fc.oneof(
      fc.tuple(anywhere, character).map(([i, c]) => token.slice(0, i) + c + token.slice(i + 1)),
      fc.tuple(anywhere, character).map(([i, c]) => token.slice(0, i) + c + token.slice(i)),
      anywhere.map((i) => token.slice(0, i) + token.slice(i + 1)),
      fc.tuple(anywhere, anywhere).map(([a, b]) => token.slice(Math.min(a, b), Math.max(a, b))),
    );
    const changed = mutation.filter((text) => text !== token);
    await fc.assert(
      fc.asyncProperty(changed, async (text) => {
        expect(await tokens.verify(text)).toBeUndefined();
      }),
      many(),
    );
  });

  it('refuses any text at all without failing', async () => {
    const part = fc.oneof(
      fc.base64String(),
      fc.string({ unit: 'binary' }),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join('.')),
    );
    await fc.assert(
      fc.asyncProperty(text, async (anything) => {
        expect(await tokens.verify(anything)).toBeUndefined();
      }),
      many(),
    );
  });
});
