import type { Database } from './database.ts';
import type { RateCounters, RateLimit } from './ports.ts';

interface WindowRow {
  readonly count: number;
  readonly expires_at: number;
}

/**
 * Fixed windows in `kv`, one row a key, counted in one atomic statement. A window that ends later than two could was begun
 * by a clock that was ahead, and counts as over: nobody waits until that time comes.
 */
export function createRateCounterStore(database: Database): RateCounters {
  const judged = (allowed: boolean, windowEndsMs: number, nowMs: number) => ({
    allowed,
    retryAfterSeconds: allowed ? 0 : Math.max(1, Math.ceil((windowEndsMs - nowMs) / 1000)),
  });
  return {
    async hit(key: string, { max, windowSeconds }: RateLimit, nowMs: number) {
      const windowEndsMs = nowMs + windowSeconds * 1000;
      const [row] = await database.query<WindowRow>(
        `insert into kv (key, value, expires_at) values ($1, '1', $2)
         on conflict (key) do update set
           value = case when kv.expires_at > $3 and kv.expires_at <= $4 then to_jsonb((kv.value #>> '{}')::bigint + 1) else '1'::jsonb end,
           expires_at = case when kv.expires_at > $3 and kv.expires_at <= $4 then kv.expires_at else excluded.expires_at end
         returning (value #>> '{}')::float8 as count, expires_at::float8 as expires_at`,
        [`rate:${key}`, windowEndsMs, nowMs, latestEndMs(windowSeconds, nowMs)],
      );
      return judged((row?.count ?? 1) <= max, row?.expires_at ?? windowEndsMs, nowMs);
    },
    async peek(key: string, { max, windowSeconds }: RateLimit, nowMs: number) {
      const [row] = await database.query<WindowRow>(
        `select (value #>> '{}')::float8 as count, expires_at::float8 as expires_at from kv where key = $1 and expires_at > $2 and expires_at <= $3`,
        [`rate:${key}`, nowMs, latestEndMs(windowSeconds, nowMs)],
      );
      return judged((row?.count ?? 0) < max, row?.expires_at ?? nowMs + windowSeconds * 1000, nowMs);
    },
  };
}

/** Replicas' clocks differ a little; one window of difference is far more than that. */
function latestEndMs(windowSeconds: number, nowMs: number): number {
  return nowMs + 2 * windowSeconds * 1000;
}
