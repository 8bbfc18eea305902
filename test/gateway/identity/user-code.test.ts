import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newUserCode, normalisedUserCode, userCodeMac } from '../../../src/gateway/identity/user-code.ts';
import { few } from '../../support/property-runs.ts';

const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ';
const letters = fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: 8, maxLength: 8 });

describe('a user code', () => {
  it('uses all of twenty letters, none of them a vowel or easily mistaken', () => {
    const seen = new Set(Array.from({ length: 500 }, () => newUserCode().replace('-', '')).join(''));
    expect([...seen].sort().join('')).toBe(ALPHABET);
    expect(ALPHABET).toHaveLength(20);
  });

  it('is shown in two groups of four', () => {
    expect(newUserCode()).toMatch(/^[A-Z]{4}-[A-Z]{4}$/);
  });

  it('is read in any case, with or without its dash and with stray spaces', () => {
    fc.assert(
      fc.property(letters, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), (code, lower) => {
        const mixed = [...code].map((letter, i) => (lower[i] ? letter.toLowerCase() : letter)).join('');
        expect(normalisedUserCode(mixed)).toBe(code);
        expect(normalisedUserCode(`${mixed.slice(0, 4)}-${mixed.slice(4)}`)).toBe(code);
        expect(normalisedUserCode(` ${mixed.slice(0, 4)} ${mixed.slice(4)} `)).toBe(code);
      }),
      few(2_000),
    );
  });

  it.each(['', '-', 'BCDF-GHJ', 'BCDF-GHJKL', 'ACDF-GHJK', 'BCDF-GHJ0', 'BCDFGHJK\u0000', 'ＢCDFGHJK'])(
    'is not %j',
    (typed) => expect(normalisedUserCode(typed)).toBeUndefined(),
  );

  it('is nothing but letters of the alphabet, whatever is typed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (typed) => {
        const read = normalisedUserCode(typed);
        expect(read === undefined || /^[BCDFGHJKLMNPQRSTVWXZ]{8}$/.test(read)).toBe(true);
      }),
      few(2_000),
    );
  });

  it('stands in the store as a MAC that only the secret explains', () => {
    const key = new Uint8Array(32).fill(1);
    const mac = userCodeMac('BCDFGHJK', key);
    expect(mac).toBe(userCodeMac('BCDFGHJK', key));
    expect(mac).not.toBe(userCodeMac('BCDFGHJK', new Uint8Array(32).fill(2)));
    expect(mac).not.toBe(userCodeMac('BCDFGHJL', key));
    expect(mac).not.toBe(createHash('sha256').update('BCDFGHJK').digest('base64url'));
  });
});
