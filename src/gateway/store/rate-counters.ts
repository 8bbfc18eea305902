import type { Database } from './database.ts';
import type { RateCounters } from './ports.ts';

interface WindowRow {
  readonly count: number;
  readonly expires_at: number;
}

/**
 * Fixed windows in `kv`, one row a key, counted in one atomic statement. A window that ends later than two could was begun
 * by a clock that was ahead, and counts as over: nobody waits until that time comes.
 */
export function createRateCounterStore(database: Database): RateCounters {
  return {
    async hit(key, { max, windowSeconds }, nowMs) {
      const [row] = await database.query<WindowRow>(
        `insert into kv (key, value, expires_at) values ($1, '1', $2)
         on conflict (key) do update set
           value = case when kv.expires_at > $3 and kv.expires_at <= $4 then to_jsonb((kv.value #>> '{}')::bigint + 1) else '1'::jsonb end,
           expires_at = case when kv.expires_at > $3 and kv.expires_at <= $4 then kv.expires_at else excluded.expires_at end
         returning (value #>> '{}')::float8 as count, expires_at::float8 as expires_at`,
        [`rate:${key}`, nowMs + windowSeconds * 1000, nowMs, latestEndMs(windowSeconds, nowMs)],
      );
      const { count, expires_at: windowEndsMs } = row ?? { count: 1, expires_at: nowMs };
      const allowed = count <= max;
      const retryAfterSeconds = allowed ? 0 : Math.max(1, Math.ceil((windowEndsMs - nowMs) / 1000));
      return { allowed, retryAfterSeconds, windowEndsMs };
    },
    async giveBack(key, { windowEndsMs }) {
      await database.query(
        `update kv set value = to_jsonb(greatest((value #>> '{}')::bigint - 1, 0)) where key = $1 and expires_at = $2`,
        [`rate:${key}`, windowEndsMs],
      );
    },
  };
}

/** Replicas' clocks differ a little; one window of difference is far more than that. */
function latestEndMs(windowSeconds: number, nowMs: number): number {
  return nowMs + 2 * windowSeconds * 1000;
}
