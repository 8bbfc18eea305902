/** Whether one signal of a destination is left alone for a while. */
export interface Breaker {
  /** In a row. */
  readonly failures: number;
  /** `Clock.monotonicMs()` until which nothing is sent. */
  readonly pausedUntilMs: number;
}

export const CLOSED: Breaker = { failures: 0, pausedUntilMs: 0 };

const FAILURES_TO_OPEN = 5;
const PAUSE_MS = 30_000;
/** What a destination may ask for with `Retry-After`. */
export const LONGEST_RETRY_AFTER_MS = 5 * 60_000;
/** Requests under way to one destination, of one signal. */
const MOST_AT_ONCE = 16;

/** Open: after five failures in a row there is a pause, and then one request at a time until something is answered. */
export function isOpen({ failures }: Breaker): boolean {
  return failures >= FAILURES_TO_OPEN;
}

export function afterFailure(breaker: Breaker, retryAfterMs: number | undefined, nowMs: number): Breaker {
  const failed = { ...breaker, failures: breaker.failures + 1 };
  const pauseMs = Math.max(
    isOpen(failed) ? PAUSE_MS : 0,
    Math.min(retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS),
  );
  return { ...failed, pausedUntilMs: Math.max(breaker.pausedUntilMs, nowMs + pauseMs) };
}

/** It answered, and be it that this body is not to its taste. What it asked for before still holds. */
export function afterAnswer({ pausedUntilMs }: Breaker): Breaker {
  return { failures: 0, pausedUntilMs };
}

/** How many requests may be under way now. */
export function placesNow(breaker: Breaker, nowMs: number): number {
  if (nowMs < breaker.pausedUntilMs) return 0;
  return isOpen(breaker) ? 1 : MOST_AT_ONCE;
}
