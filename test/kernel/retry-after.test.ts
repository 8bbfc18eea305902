import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retryAfterMs } from '../../src/kernel/retry-after.ts';
import { many } from '../support/property-runs.ts';

const now = Date.UTC(2026, 0, 1, 12, 0, 0);

describe('Retry-After', () => {
  it.each([
    ['7', 7_000],
    ['0', 0],
    ['1.5', 1_500],
    ['Thu, 01 Jan 2026 12:00:20 GMT', 20_000],
    ['Thu, 01 Jan 2026 11:00:00 GMT', 0],
  ])('%j asks for %i ms', (value, ms) => {
    expect(retryAfterMs(value, now)).toBe(ms);
  });

  it.each([[''], ['soon'], ['-5'], ['1e3'], ['5 s'], ['2026-01-01'], ['0x10'], ['never GMT']])(
    '%j asks for nothing',
    (value) => {
      expect(retryAfterMs(value, now)).toBeUndefined();
    },
  );

  it('counts the first time when it is sent twice, and may be missing', () => {
    expect(retryAfterMs(['3', '9'], now)).toBe(3_000);
    expect(retryAfterMs(undefined, now)).toBeUndefined();
  });

  it('never asks for less than nothing, whatever is sent', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.date().map(String), fc.double().map(String)), (value) => {
        expect(retryAfterMs(value, now) ?? 0).toBeGreaterThanOrEqual(0);
      }),
      many(),
    );
  });
});
