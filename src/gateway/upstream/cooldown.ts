import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { Audit } from '../exchange.ts';

/** The longest that an upstream is left alone at a time, whatever it asked for. */
export const LONGEST_REST_MS = 30_000;
/** Where nothing says how long: it could not be reached, or its trial failed. */
export const SHORT_REST_MS = 5_000;
/** A trial that says nothing for so long stands in nobody's way any more. */
export const LONGEST_TRIAL_MS = 30_000;

/** What is remembered of an upstream in its cooldown; undefined when it has none. */
export interface Cooling {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly trial: Trial | undefined;
}

/** The one request that may see whether the upstream is back. */
export interface Trial {
  readonly sinceMs: number;
}

/** `due`: its time is over, and the next request is its trial. */
export type Health = 'well' | 'due' | 'cooling';

/**
 * How a request to an upstream went:
 * - `answered`: it serves
 * - `refused`: it wants to be left alone, or cannot be reached
 * - `failed`: in a way that says nothing of the next request, unless this one was the trial
 * - `unknown`: it was not asked, or the client left before it answered
 */
export type Outcome =
  | { readonly kind: 'answered' }
  | { readonly kind: 'refused'; readonly restMs: number; readonly reason: string }
  | { readonly kind: 'failed' }
  | { readonly kind: 'unknown' };

function healthOf(cooling: Cooling | undefined, nowMs: number): Health {
  if (!cooling) return 'well';
  if (nowMs < cooling.untilMs) return 'cooling';
  return cooling.trial && nowMs < cooling.trial.sinceMs + LONGEST_TRIAL_MS ? 'cooling' : 'due';
}

/** What is remembered after a request, with the `trial` that it was, if it was one. */
function afterRequest(
  cooling: Cooling | undefined,
  trial: Trial | undefined,
  outcome: Outcome,
  nowMs: number,
): Cooling | undefined {
  const wasTrial = trial !== undefined && cooling?.trial === trial;
  if (outcome.kind === 'refused') return rested(cooling, wasTrial, outcome.restMs, nowMs);
  if (!cooling || !wasTrial) return cooling;
  if (outcome.kind === 'failed') return rested(cooling, true, SHORT_REST_MS, nowMs);
  // Another request may have been told to wait while the trial was under way: that is the newer word.
  const isOver = outcome.kind === 'answered' && nowMs >= cooling.untilMs;
  return isOver ? undefined : { ...cooling, trial: undefined };
}

function rested(cooling: Cooling | undefined, wasTrial: boolean, restMs: number, nowMs: number): Cooling {
  const untilMs = nowMs + Math.min(restMs, LONGEST_REST_MS);
  return {
    sinceMs: cooling?.sinceMs ?? nowMs,
    untilMs: Math.max(untilMs, cooling?.untilMs ?? untilMs),
    trial: wasTrial ? undefined : cooling?.trial,
  };
}

/** One upstream's cooldown, shared by all requests of the process. */
export interface Cooldown {
  health(): Health;
  /** Call as a request begins. It is the trial when one is due; hand what comes back to `finish`. */
  begin(): Trial | undefined;
  finish(trial: Trial | undefined, outcome: Outcome, requestId: string): void;
}

export interface CooldownParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  /** Called as a cooldown starts. */
  readonly onStart: () => void;
}

/** Remembers, and tells log, audit trail and `onStart` of each start and end. */
export function createCooldown(
  upstreamName: string,
  { clock, log, audit, onStart }: CooldownParts,
): Cooldown {
  let cooling: Cooling | undefined;

  const started = (untilMs: number, reason: string, nowMs: number, requestId: string): void => {
    const seconds = Math.ceil((untilMs - nowMs) / 1000);
    log.warn(
      `upstream ${upstreamName}: cooldown of ${seconds} s started (${reason}) request_id=${requestId}`,
    );
    audit('upstream.cooldown', requestId, { upstream: upstreamName, state: 'started', seconds, reason });
    onStart();
  };

  const ended = (sinceMs: number, nowMs: number, requestId: string): void => {
    const seconds = Math.ceil((nowMs - sinceMs) / 1000);
    log.info(`upstream ${upstreamName}: cooldown ended after ${seconds} s request_id=${requestId}`);
    audit('upstream.cooldown', requestId, { upstream: upstreamName, state: 'ended', seconds });
  };

  return {
    health: () => (cooling ? healthOf(cooling, clock.monotonicMs()) : 'well'),
    begin() {
      if (!cooling) return undefined;
      const nowMs = clock.monotonicMs();
      if (healthOf(cooling, nowMs) !== 'due') return undefined;
      const trial = { sinceMs: nowMs };
      cooling = { ...cooling, trial };
      return trial;
    },
    finish(trial, outcome, requestId) {
      if (!cooling && outcome.kind !== 'refused') return;
      const nowMs = clock.monotonicMs();
      const before = cooling;
      cooling = afterRequest(before, trial, outcome, nowMs);
      const wasResting = before !== undefined && nowMs < before.untilMs;
      if (cooling && nowMs < cooling.untilMs && !wasResting)
        started(
          cooling.untilMs,
          outcome.kind === 'refused' ? outcome.reason : 'trial_failed',
          nowMs,
          requestId,
        );
      if (before && !cooling) ended(before.sinceMs, nowMs, requestId);
    },
  };
}
