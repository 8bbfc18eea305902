import type { Clock } from '../../kernel/clock.ts';
import type { Caller } from '../exchange.ts';
import type { Sessions } from '../store/ports.ts';

const TOUCH_EVERY_MS = 5 * 60_000;
const FLUSH_EVERY_MS = 15_000;
const MAX_REMEMBERED = 100_000;

export interface LastSeen {
  seen(caller: Caller): void;
  start(): void;
  stop(): void;
}

/** Writes when sessions were last used, at most every five minutes each, many in one statement; dropped while the store is down. */
export function createLastSeen(sessions: Sessions, clock: Clock): LastSeen {
  const touchedAt = new Map<string, number>();
  let waiting = new Set<string>();
  const stopping = new AbortController();

  const flush = async (): Promise<void> => {
    if (waiting.size === 0) return;
    const sids = [...waiting];
    waiting = new Set();
    await sessions.touch(sids, clock.now());
  };

  const flushForever = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      // A store that is down says so itself; what was to be written is not worth keeping.
      await clock
        .sleep(FLUSH_EVERY_MS, stopping.signal)
        .then(flush)
        .catch(() => undefined);
    }
  };

  return {
    seen({ sid }) {
      const nowMs = clock.monotonicMs();
      if (nowMs - (touchedAt.get(sid) ?? Number.NEGATIVE_INFINITY) < TOUCH_EVERY_MS) return;
      if (touchedAt.size >= MAX_REMEMBERED) touchedAt.clear();
      touchedAt.set(sid, nowMs);
      waiting.add(sid);
    },
    start: () => void flushForever(),
    stop: () => stopping.abort(),
  };
}
