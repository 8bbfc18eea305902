import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';

/** `taken`: call `release` in the end. `turned_away`: choose anew. */
export type Taken = 'taken' | 'timed_out' | 'turned_away' | 'gone';

/** A bound on the requests that are under way at one upstream. */
export interface ConnectionLimit {
  /** Waits for a place, first come, first served; for `waitMs` at most, and until `gone` aborts. */
  take(waitMs: number, gone: AbortSignal): Taken | Promise<Taken>;
  release(): void;
  /** Ends the waiting of all who wait. */
  turnAway(): void;
}

const WARNING_INTERVAL_MS = 60_000;

export function createConnectionLimit(
  upstreamName: string,
  max: number,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): ConnectionLimit {
  let places = max;
  let warnedAtMs = Number.NEGATIVE_INFINITY;
  /** Those who wait, in the order they came; each is called with how its wait ends. */
  const waiting = new Set<(how: Taken) => void>();

  const warn = (): void => {
    const nowMs = clock.monotonicMs();
    if (nowMs - warnedAtMs < WARNING_INTERVAL_MS) return;
    warnedAtMs = nowMs;
    log.warn(
      `upstream ${upstreamName}: requests wait; upstreams[].max_connections of ${upstreamName} is ${max}`,
    );
  };

  const wait = (waitMs: number, gone: AbortSignal): Promise<Taken> =>
    new Promise((resolve) => {
      const ended = new AbortController();
      const end = (how: Taken): void => {
        if (!waiting.delete(end)) return;
        gone.removeEventListener('abort', leave);
        ended.abort();
        resolve(how);
      };
      const leave = (): void => end('gone');
      waiting.add(end);
      gone.addEventListener('abort', leave);
      clock.sleep(waitMs, ended.signal).then(
        () => end('timed_out'),
        // The wait ended before its time.
        () => undefined,
      );
      warn();
    });

  return {
    take(waitMs, gone) {
      if (gone.aborted) return 'gone';
      if (places === 0) return wait(waitMs, gone);
      places -= 1;
      return 'taken';
    },
    release() {
      // A place goes straight to the next in line, past whoever comes now.
      const [next] = waiting;
      if (next) next('taken');
      else places += 1;
    },
    turnAway() {
      for (const end of [...waiting]) end('turned_away');
    },
  };
}
