import { setTimeout as delay } from 'node:timers/promises';

/** Time as the program sees it, so that tests can own it. */
export interface Clock {
  /** Milliseconds since the Unix epoch; jumps when the machine's clock is set. */
  now(): number;
  /** Milliseconds that only ever grow; for durations. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}),
};
