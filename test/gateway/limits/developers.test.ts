import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDeveloperLimits, type DeveloperLimits } from '../../../src/gateway/limits/developers.ts';
import { createMinute } from '../../../src/gateway/limits/minute.ts';
import { isCodedError } from '../../../src/kernel/coded-error.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { many } from '../../support/property-runs.ts';

function limits(options: Partial<DeveloperLimits>) {
  const clock = createManualClock();
  const enter = createDeveloperLimits(
    { concurrent: undefined, requestsPerMinute: undefined, ...options },
    clock,
  );
  /** What a developer who is refused hears; undefined when they are let in. */
  const refusal = (sub: string) => {
    try {
      enter(sub);
      return undefined;
    } catch (error) {
      if (!isCodedError(error, 'rate_limited')) throw error;
      return error.facts;
    }
  };
  return { clock, enter, refusal };
}

describe('requests at once', () => {
  it('are as many as the limit, and one more for each that ends', () => {
    const { enter, refusal } = limits({ concurrent: 2 });
    enter('ada');
    const leave = enter('ada');
    expect(refusal('ada')).toEqual({
      sentence:
        'you have 2 requests open, as many as limits.per_developer.concurrent allows; wait for one to end',
      retryAfterSeconds: 5,
    });
    leave();
    expect(refusal('ada')).toBeUndefined();
    expect(refusal('ada')).toBeDefined();
  });

  it('of one developer do not count against another', () => {
    const { enter, refusal } = limits({ concurrent: 1 });
    enter('ada');
    expect(refusal('ben')).toBeUndefined();
    expect(refusal('ada')).toBeDefined();
  });
});

describe('requests within a minute', () => {
  it('are as many as the limit, and the refusal says how long to wait', () => {
    const { clock, refusal } = limits({ requestsPerMinute: 3 });
    expect(refusal('ada')).toBeUndefined();
    clock.advance(20_000);
    expect(refusal('ada')).toBeUndefined();
    expect(refusal('ada')).toBeUndefined();
    expect(refusal('ada')).toEqual({
      sentence:
        'you have started 3 requests within a minute, as many as limits.per_developer.requests_per_minute allows; try again in 41 s',
      retryAfterSeconds: 41,
    });
    clock.advance(41_000);
    expect(refusal('ada')).toBeUndefined();
    expect(refusal('ada')).toMatchObject({ retryAfterSeconds: 20 });
  });

  it('that were refused do not count', () => {
    const { clock, refusal } = limits({ concurrent: 1, requestsPerMinute: 2 });
    expect(refusal('ada')).toBeUndefined();
    for (let i = 0; i < 10; i += 1) expect(refusal('ada')).toMatchObject({ retryAfterSeconds: 5 });
    clock.advance(61_000);
    const other = limits({ requestsPerMinute: 1 });
    expect(other.refusal('ada')).toBeUndefined();
    for (let i = 0; i < 10; i += 1) expect(other.refusal('ada')).toBeDefined();
    other.clock.advance(61_000);
    expect(other.refusal('ada')).toBeUndefined();
  });

  it('are never more than the limit in any sixty seconds, and are had after the wait that was told', () => {
    const pauses = fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), pauses, fc.nat(100_000), (max, steps, startMs) => {
        const minute = createMinute(max);
        const starts: number[] = [];
        let nowMs = startMs;
        for (const step of steps) {
          nowMs += step;
          const waitSeconds = minute.start(Math.floor(nowMs / 1000));
          if (waitSeconds > 0) {
            const recent = starts.filter((at) => at > nowMs - 61_000);
            expect(recent.length).toBeGreaterThanOrEqual(max);
            nowMs += waitSeconds * 1000;
            expect(minute.start(Math.floor(nowMs / 1000))).toBe(0);
          }
          starts.push(nowMs);
        }
        for (const [i, at] of starts.entries()) {
          const after = starts[i + max];
          if (after !== undefined) expect(after - at).toBeGreaterThanOrEqual(60_000);
        }
      }),
      many(),
    );
  });
});

describe('both limits', () => {
  it('hold together, and neither holds where it is not set', () => {
    const both = limits({ concurrent: 1, requestsPerMinute: 2 });
    both.enter('ada')();
    both.enter('ada')();
    expect(both.refusal('ada')?.['sentence']).toContain('requests_per_minute');
    const neither = limits({});
    for (let i = 0; i < 1_000; i += 1) expect(neither.refusal('ada')).toBeUndefined();
  });
});
