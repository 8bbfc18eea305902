import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AuditFields } from '../../../src/gateway/exchange.ts';
import {
  createCooldown,
  LONGEST_REST_MS,
  LONGEST_TRIAL_MS,
  type Outcome,
  SHORT_REST_MS,
  type Trial,
} from '../../../src/gateway/upstream/cooldown.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { many } from '../../support/property-runs.ts';

const answered: Outcome = { kind: 'answered' };
const failed: Outcome = { kind: 'failed' };
const unknown: Outcome = { kind: 'unknown' };
const refused = (restMs: number): Outcome => ({ kind: 'refused', restMs, reason: 'answered_429' });

function openCooldown() {
  const clock = createManualClock();
  const log = createMemoryLog();
  const events: AuditFields[] = [];
  let starts = 0;
  const cooldown = createCooldown('up', {
    clock,
    log,
    audit: (_name, _requestId, fields) => events.push(fields),
    onStart: () => {
      starts += 1;
    },
  });
  /** A whole request. */
  const ask = (outcome: Outcome): Trial | undefined => {
    const trial = cooldown.begin();
    cooldown.finish(trial, outcome, 'req_1');
    return trial;
  };
  return { clock, log, events, cooldown, ask, starts: () => starts };
}

describe('an upstream', () => {
  it('is well until it asks to be left alone, whatever else happens', () => {
    const { cooldown, ask, events } = openCooldown();
    for (const outcome of [answered, failed, unknown]) expect(ask(outcome)).toBeUndefined();
    expect(cooldown.health()).toBe('well');
    expect(events).toEqual([]);
  });

  it('cools down for as long as it asked, then one request is its trial', () => {
    const { clock, cooldown, ask } = openCooldown();
    ask(refused(7_000));
    expect(cooldown.health()).toBe('cooling');
    clock.advance(6_999);
    expect(cooldown.health()).toBe('cooling');
    expect(cooldown.begin()).toBeUndefined();
    clock.advance(1);
    expect(cooldown.health()).toBe('due');
    const trial = cooldown.begin();
    expect(trial).toBeDefined();
    expect(cooldown.health()).toBe('cooling');
    expect(cooldown.begin()).toBeUndefined();
    cooldown.finish(trial, answered, 'req_2');
    expect(cooldown.health()).toBe('well');
  });

  it('is left alone for thirty seconds at most', () => {
    const { clock, cooldown, ask } = openCooldown();
    ask(refused(3_600_000));
    clock.advance(LONGEST_REST_MS - 1);
    expect(cooldown.health()).toBe('cooling');
    clock.advance(1);
    expect(cooldown.health()).toBe('due');
  });

  it('cools down again when its trial is refused, and for a short time when it fails', () => {
    const { clock, cooldown, ask } = openCooldown();
    ask(refused(1_000));
    clock.advance(1_000);
    ask(refused(9_000));
    clock.advance(8_999);
    expect(cooldown.health()).toBe('cooling');
    clock.advance(1);
    expect(ask(failed)).toBeDefined();
    clock.advance(SHORT_REST_MS - 1);
    expect(cooldown.health()).toBe('cooling');
    clock.advance(1);
    expect(cooldown.health()).toBe('due');
  });

  it('gets another trial at once when the first one was never decided', () => {
    const { clock, cooldown, ask } = openCooldown();
    ask(refused(1_000));
    clock.advance(1_000);
    expect(ask(unknown)).toBeDefined();
    expect(cooldown.health()).toBe('due');
  });

  it('gets another trial when the first one says nothing for too long; either may end the cooldown', () => {
    const { clock, cooldown, ask } = openCooldown();
    ask(refused(1_000));
    clock.advance(1_000);
    const silent = cooldown.begin();
    clock.advance(LONGEST_TRIAL_MS);
    expect(cooldown.health()).toBe('due');
    const second = cooldown.begin();
    cooldown.finish(silent, failed, 'req_1');
    expect(cooldown.health()).toBe('cooling');
    cooldown.finish(second, answered, 'req_2');
    expect(cooldown.health()).toBe('well');
  });

  it('is not taken to be well because of requests that began before, or were a last resort', () => {
    const { cooldown, ask } = openCooldown();
    const before = cooldown.begin();
    ask(refused(5_000));
    cooldown.finish(before, answered, 'req_1');
    ask(answered);
    expect(cooldown.health()).toBe('cooling');
  });

  it('stays alone for the longest of several waits', () => {
    const { clock, cooldown, ask } = openCooldown();
    ask(refused(8_000));
    ask(refused(2_000));
    clock.advance(7_999);
    expect(cooldown.health()).toBe('cooling');
    clock.advance(1);
    expect(cooldown.health()).toBe('due');
  });

  it('stays alone when it asked another request to wait while its trial was under way', () => {
    const { clock, cooldown, ask } = openCooldown();
    ask(refused(1_000));
    clock.advance(1_000);
    const trial = cooldown.begin();
    ask(refused(4_000));
    cooldown.finish(trial, answered, 'req_1');
    expect(cooldown.health()).toBe('cooling');
    clock.advance(4_000);
    expect(cooldown.health()).toBe('due');
  });

  it('gets no second trial when another request was asked to wait and the first trial is still under way', () => {
    const { clock, cooldown, ask } = openCooldown();
    ask(refused(1_000));
    clock.advance(1_000);
    const trial = cooldown.begin();
    ask(refused(4_000));
    clock.advance(4_000);
    expect(cooldown.begin()).toBeUndefined();
    cooldown.finish(trial, answered, 'req_1');
    expect(cooldown.health()).toBe('well');
  });
});

describe('a cooldown', () => {
  it('is told to log and audit trail as it starts and as it ends, not in between', () => {
    const { clock, log, events, ask, starts } = openCooldown();
    ask(refused(6_500));
    ask(refused(6_500));
    clock.advance(6_500);
    ask(answered);
    ask(answered);
    expect(events).toEqual([
      { upstream: 'up', state: 'started', seconds: 7, reason: 'answered_429' },
      { upstream: 'up', state: 'ended', seconds: 7 },
    ]);
    expect(log.lines).toEqual([
      'warn upstream up: cooldown of 7 s started (answered_429) request_id=req_1',
      'info upstream up: cooldown ended after 7 s request_id=req_1',
    ]);
    expect(starts()).toBe(1);
  });

  it('is told again when its trial failed, and how long it was altogether', () => {
    const { clock, events, ask } = openCooldown();
    ask(refused(2_000));
    clock.advance(2_000);
    ask(failed);
    clock.advance(SHORT_REST_MS);
    ask(answered);
    expect(events.map(({ state, seconds, reason }) => [state, seconds, reason])).toEqual([
      ['started', 2, 'answered_429'],
      ['started', 5, 'trial_failed'],
      ['ended', 7, undefined],
    ]);
  });

  it('keeps its promises in any order of events', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('advance' as const), ms: fc.oneof(fc.nat(2_000), fc.nat(40_000)) }),
      fc.record({ kind: fc.constant('begin' as const) }),
      fc.record({
        kind: fc.constant('finish' as const),
        which: fc.nat(),
        outcome: fc.oneof(
          fc.constant(answered),
          fc.constant(failed),
          fc.constant(unknown),
          fc.integer({ min: 1, max: 60_000 }).map(refused),
        ),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { clock, cooldown, events } = openCooldown();
        let open: { readonly trial: Trial | undefined }[] = [];
        for (const at of steps) {
          const before = cooldown.health();
          if (at.kind === 'advance') clock.advance(at.ms);
          if (at.kind === 'begin') {
            const trial = cooldown.begin();
            expect(trial !== undefined).toBe(before === 'due');
            open.push({ trial });
          }
          const finished = at.kind === 'finish' ? open[at.which % open.length] : undefined;
          if (at.kind === 'finish' && finished) {
            open = open.filter((other) => other !== finished);
            cooldown.finish(finished.trial, at.outcome, 'req_1');
            if (at.outcome.kind === 'refused') expect(cooldown.health()).toBe('cooling');
          }
          const isBack = before !== 'well' && cooldown.health() === 'well';
          if (isBack) {
            expect(finished?.trial).toBeDefined();
            expect(at).toMatchObject({ outcome: answered });
          }
          const nowMs = clock.monotonicMs();
          const underWay = open.filter(({ trial }) => trial && nowMs < trial.sinceMs + LONGEST_TRIAL_MS);
          expect(underWay.length).toBeLessThanOrEqual(cooldown.health() === 'cooling' ? 1 : 0);
        }
        clock.advance(Math.max(LONGEST_REST_MS, LONGEST_TRIAL_MS));
        expect(cooldown.health()).not.toBe('cooling');
        const states = events.map(({ state }) => state);
        expect(states[0]).not.toBe('ended');
        expect(states.filter((state, i) => state === 'ended' && states[i - 1] !== 'started')).toEqual([]);
        expect(states.at(-1) === 'started').toBe(cooldown.health() === 'due');
      }),
      many(),
    );
  });
});
