import fc from 'fast-check';
import { decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { createKeyRing } from '../../../src/gateway/identity/keys.ts';
import { createRefreshTokens, type RefreshToken } from '../../../src/gateway/identity/refresh-token.ts';
import { createSealer } from '../../../src/gateway/identity/sealer.ts';
import { secret } from '../../../src/kernel/secret.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { many } from '../../support/property-runs.ts';

const SECRET = 'the first secret of these tests, long enough';
const OLD_SECRET = 'the second secret of these tests, long enough';
const NOW_MS = 1_780_000_000_000;
const TOKEN: RefreshToken = {
  sid: 'session-1',
  number: 3,
  claims: { sub: 'ada', email: 'ada@example.test', name: undefined, groups: ['eng'] },
  providerToken: "the provider's own token",
  signedInAtMs: NOW_MS - 1000,
  expiresAtMs: NOW_MS + 1000,
};

const ringOf = (...secrets: string[]) => createKeyRing(secrets.map(secret));
const tokensOf = (secrets: string[], issuer = 'https://idp.example', nowMs = NOW_MS) =>
  createRefreshTokens(ringOf(...secrets), issuer, createManualClock(nowMs));
const tokens = tokensOf([SECRET]);

describe('a refresh token', () => {
  it('carries the session, and shows nothing of it', async () => {
    const text = await tokens.seal(TOKEN);
    expect(await tokens.open(text)).toEqual(TOKEN);
    expect(decodeProtectedHeader(text)).toEqual({
      alg: 'dir',
      enc: 'A256GCM',
      typ: 'rt+jwe',
      kid: expect.any(String),
    });
    const readable = text
      .split('.')
      .map((part) => Buffer.from(part, 'base64url').toString('latin1'))
      .join();
    for (const hidden of ['ada', 'eng', 'session-1', TOKEN.providerToken, SECRET])
      expect(readable).not.toContain(hidden);
  });

  it('is another text each time', async () => {
    expect(await tokens.seal(TOKEN)).not.toBe(await tokens.seal(TOKEN));
  });

  it('is over when its time is', async () => {
    const text = await tokens.seal(TOKEN);
    expect(await tokensOf([SECRET], undefined, TOKEN.expiresAtMs - 1).open(text)).toBeDefined();
    expect(await tokensOf([SECRET], undefined, TOKEN.expiresAtMs).open(text)).toBeUndefined();
  });

  it('means nothing at a gateway of another provider', async () => {
    expect(await tokensOf([SECRET], 'https://other.example').open(await tokens.seal(TOKEN))).toBeUndefined();
  });

  it('opens under every configured secret and is sealed under the first', async () => {
    const text = await tokensOf([OLD_SECRET]).seal(TOKEN);
    expect(await tokensOf([SECRET, OLD_SECRET]).open(text)).toEqual(TOKEN);
    expect(await tokens.open(text)).toBeUndefined();
    expect(await tokens.open(await tokensOf([SECRET, OLD_SECRET]).seal(TOKEN))).toEqual(TOKEN);
  });

  it('of a newer release opens when that one only added fields, and not when its version is another', async () => {
    const sealer = createSealer(ringOf(SECRET), ({ refresh }) => refresh, 'rt+jwe');
    const contents = {
      v: 1,
      sid: 'session-1',
      number: 3,
      issuer: 'https://idp.example',
      sub: 'ada',
      groups: [],
      providerToken: 'p',
      signedInAt: NOW_MS,
      expiresAt: NOW_MS + 1,
    };
    expect((await tokens.open(await sealer.seal({ ...contents, added: [1] })))?.sid).toBe('session-1');
    expect(await tokens.open(await sealer.seal({ ...contents, v: 2 }))).toBeUndefined();
    expect(await tokens.open(await sealer.seal({ ...contents, sid: 7 }))).toBeUndefined();
    expect(await tokens.open(await sealer.seal(null))).toBeUndefined();
  });

  it('is not what was sealed for another purpose', async () => {
    const contents = {
      v: 1,
      sid: 's',
      number: 0,
      issuer: 'https://idp.example',
      sub: 'a',
      groups: [],
      providerToken: 'p',
    };
    const text = await createSealer(ringOf(SECRET), ({ refresh }) => refresh, 'grant+jwe').seal({
      ...contents,
      signedInAt: NOW_MS,
      expiresAt: NOW_MS + 1,
    });
    expect(await tokens.open(text)).toBeUndefined();
  });

  it('is refused when any character was changed, added or taken away', async () => {
    const text = await tokens.seal(TOKEN);
    const anywhere = fc.nat(text.length - 1);
    const character = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 });
    const mutation = fc
      .oneof(
        fc.tuple(anywhere, character).map(([i, c]) => text.slice(0, i) + c + text.slice(i + 1)),
        fc.tuple(anywhere, character).map(([i, c]) => text.slice(0, i) + c + text.slice(i)),
        anywhere.map((i) => text.slice(0, i) + text.slice(i + 1)),
      )
      .filter((changed) => changed !== text);
    await fc.assert(
      fc.asyncProperty(mutation, async (changed) => {
        expect(await tokens.open(changed)).toBeUndefined();
      }),
      many(),
    );
  });

  it('is refused as any text at all without failing', async () => {
    const part = fc.oneof(
      fc.base64String(),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
    );
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join('.')),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (text) => {
        expect(await tokens.open(text)).toBeUndefined();
      }),
      many(),
    );
  });
});
