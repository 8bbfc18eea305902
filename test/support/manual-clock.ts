import type { Clock } from '../../src/kernel/clock.ts';

/** A clock that stands still until the test moves it. */
export interface ManualClock extends Clock {
  /** Moves time on and ends the sleeps that are over, in order. */
  advance(ms: number): void;
  /** Sets the calendar ahead or back, as an administrator does: no time passes. */
  jump(ms: number): void;
  /** Resolves when somebody sleeps, now or later, with how long. */
  sleeper(): Promise<number>;
}

interface Sleep {
  readonly startMs: number;
  readonly ms: number;
  wake(): void;
}

export function createManualClock(startMs = Date.UTC(2026, 0, 1)): ManualClock {
  let nowMs = startMs;
  let calendarIsAheadMs = 0;
  let sleeps: Sleep[] = [];
  let waiting: ((ms: number) => void)[] = [];
  return {
    now: () => nowMs + calendarIsAheadMs,
    monotonicMs: () => nowMs - startMs,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const stop = () => {
          sleeps = sleeps.filter((other) => other !== sleep);
          reject(signal?.reason);
        };
        const sleep: Sleep = {
          startMs: nowMs,
          ms,
          wake() {
            signal?.removeEventListener('abort', stop);
            resolve();
          },
        };
        signal?.addEventListener('abort', stop, { once: true });
        sleeps.push(sleep);
        for (const tell of waiting.splice(0)) tell(ms);
      });
    },
    jump(ms) {
      calendarIsAheadMs += ms;
    },
    advance(ms) {
      nowMs += ms;
      const isOver = (sleep: Sleep) => sleep.startMs + sleep.ms <= nowMs;
      const over = sleeps.filter(isOver).sort((a, b) => a.startMs + a.ms - (b.startMs + b.ms));
      sleeps = sleeps.filter((sleep) => !isOver(sleep));
      for (const sleep of over) sleep.wake();
    },
    sleeper() {
      const sleep = sleeps[0];
      if (sleep) return Promise.resolve(sleep.ms);
      return new Promise((resolve) => {
        waiting = [...waiting, resolve];
      });
    },
  };
}
