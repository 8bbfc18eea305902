import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CALM, judge, type Standing } from '../../../src/gateway/limits/overload.ts';
import { many } from '../../support/property-runs.ts';

const bounds = { lateMs: 500, calmMs: 200 };

const standingAfter = (lags: readonly number[], from: Standing = CALM): Standing =>
  lags.reduce((standing, lagMs) => judge(standing, lagMs, bounds), from);

describe('an overload', () => {
  it('begins after three late seconds in a row', () => {
    expect(standingAfter([501, 501]).isOverloaded).toBe(false);
    expect(standingAfter([501, 501, 501]).isOverloaded).toBe(true);
  });

  it.each([
    ['one long task', [5_000, 0, 0, 0]],
    ['bursts with a second of air', [900, 900, 10, 900, 900, 10, 900, 900]],
    ['a busy loop that keeps up', Array(60).fill(500)],
  ])('is not %s', (_, lags) => {
    expect(standingAfter(lags).isOverloaded).toBe(false);
  });

  it('ends after two calm seconds in a row', () => {
    const overloaded = standingAfter([501, 501, 501]);
    expect(standingAfter([200], overloaded).isOverloaded).toBe(true);
    expect(standingAfter([200, 201, 200], overloaded).isOverloaded).toBe(true);
    expect(standingAfter([200, 200], overloaded).isOverloaded).toBe(false);
  });

  it('begins and ends only on seconds that speak for it, in a row', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 200, 300, 500, 501, 3_000), { maxLength: 60 }), (lags) => {
        let standing = CALM;
        for (const [i, lag] of lags.entries()) {
          const next = judge(standing, lag, bounds);
          if (next.isOverloaded && !standing.isOverloaded)
            expect(lags.slice(i - 2, i + 1).every((before) => before > 500)).toBe(true);
          if (!next.isOverloaded && standing.isOverloaded)
            expect(lags.slice(i - 1, i + 1).every((before) => before <= 200)).toBe(true);
          standing = next;
        }
      }),
      many(),
    );
  });
});
