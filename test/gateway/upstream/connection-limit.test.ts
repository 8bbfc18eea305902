import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createConnectionLimit, type Taken } from '../../../src/gateway/upstream/connection-limit.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { few } from '../../support/property-runs.ts';

const here = new AbortController().signal;

function openLimit(max: number) {
  const clock = createManualClock();
  const log = createMemoryLog();
  const limit = createConnectionLimit('up', max, { clock, log });
  /** How each wait ended, in the order they ended. */
  const ended: [name: string, how: Taken][] = [];
  const take = (name: string, { waitMs = 1_000, gone = here } = {}): Promise<void> =>
    Promise.resolve(limit.take(waitMs, gone)).then((how) => {
      ended.push([name, how]);
    });
  return { clock, log, limit, ended, take };
}

const settle = () => new Promise(setImmediate);

describe('a bound on connections', () => {
  it('lets in as many as it says, at once', () => {
    const { limit } = openLimit(2);
    expect(limit.take(1_000, here)).toBe('taken');
    expect(limit.take(1_000, here)).toBe('taken');
    expect(limit.take(1_000, here)).toBeInstanceOf(Promise);
  });

  it('serves those who wait in the order they came, and nobody overtakes them', async () => {
    const { limit, ended, take } = openLimit(1);
    for (const name of ['a', 'b', 'c']) void take(name);
    await settle();
    expect(ended).toEqual([['a', 'taken']]);
    limit.release();
    void take('d');
    await settle();
    expect(ended.slice(1)).toEqual([['b', 'taken']]);
    limit.release();
    limit.release();
    await settle();
    expect(ended.slice(2)).toEqual([
      ['c', 'taken'],
      ['d', 'taken'],
    ]);
  });

  it('ends a wait that took too long, and gives the place to the next', async () => {
    const { clock, limit, ended, take } = openLimit(1);
    void take('a');
    void take('short', { waitMs: 500 });
    void take('long', { waitMs: 2_000 });
    await settle();
    clock.advance(500);
    await settle();
    expect(ended.slice(1)).toEqual([['short', 'timed_out']]);
    limit.release();
    await settle();
    expect(ended.slice(2)).toEqual([['long', 'taken']]);
  });

  it('forgets a client that leaves while it waits, and lets none in that has left before', async () => {
    const { limit, ended, take } = openLimit(1);
    const leaving = new AbortController();
    void take('a');
    void take('b', { gone: leaving.signal });
    void take('c');
    await settle();
    leaving.abort();
    await settle();
    expect(ended.slice(1)).toEqual([['b', 'gone']]);
    limit.release();
    await settle();
    expect(ended.slice(2)).toEqual([['c', 'taken']]);
    limit.release();
    expect(limit.take(1_000, leaving.signal)).toBe('gone');
    expect(limit.take(1_000, here)).toBe('taken');
  });

  it('turns away all who wait, and none who come later', async () => {
    const { limit, ended, take } = openLimit(1);
    for (const name of ['a', 'b', 'c']) void take(name);
    await settle();
    limit.turnAway();
    void take('d');
    await settle();
    expect(ended.slice(1)).toEqual([
      ['b', 'turned_away'],
      ['c', 'turned_away'],
    ]);
    limit.release();
    await settle();
    expect(ended.slice(3)).toEqual([['d', 'taken']]);
  });

  it('warns when requests wait, once a minute', async () => {
    const { clock, log, limit, take } = openLimit(1);
    void take('a');
    expect(log.lines).toEqual([]);
    void take('b', { waitMs: 600_000 });
    void take('c', { waitMs: 600_000 });
    const line = 'warn upstream up: requests wait; upstreams[].max_connections of up is 1';
    expect(log.lines).toEqual([line]);
    clock.advance(59_999);
    void take('d', { waitMs: 600_000 });
    expect(log.lines).toEqual([line]);
    clock.advance(1);
    expect(log.lines).toEqual([line]);
    void take('e', { waitMs: 600_000 });
    expect(log.lines).toEqual([line, line]);
    limit.turnAway();
  });

  it('loses no place and gives none twice, whatever happens in which order', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('take' as const), waitMs: fc.nat(2_000) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
      fc.record({ kind: fc.constant('leave' as const), which: fc.nat() }),
      fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(1_000) }),
      fc.record({ kind: fc.constant('turnAway' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { maxLength: 40 }),
        async (max, steps) => {
          const { clock, limit } = openLimit(max);
          let inside = 0;
          let waiting: { readonly leaving: AbortController }[] = [];
          const order: number[] = [];
          for (const [at, { kind, ...what }] of steps.entries()) {
            if (kind === 'release' && inside > 0) {
              inside -= 1;
              limit.release();
            }
            if (kind === 'advance' && 'ms' in what) clock.advance(what.ms);
            if (kind === 'turnAway') limit.turnAway();
            if (kind === 'leave' && 'which' in what) waiting[what.which % waiting.length]?.leaving.abort();
            if (kind === 'take' && 'waitMs' in what) {
              const entry = { leaving: new AbortController() };
              waiting.push(entry);
              void Promise.resolve(limit.take(what.waitMs, entry.leaving.signal)).then((how) => {
                waiting = waiting.filter((other) => other !== entry);
                if (how !== 'taken') return;
                inside += 1;
                order.push(at);
              });
            }
            await settle();
            expect(inside).toBeLessThanOrEqual(max);
            // Nobody waits while a place is free.
            expect(waiting.length === 0 || inside === max).toBe(true);
          }
          expect(order).toEqual(order.toSorted((a, b) => a - b));
        },
      ),
      few(50),
    );
  });
});
