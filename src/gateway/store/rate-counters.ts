import type { Database } from './database.ts';
import type { RateCounters, RateLimit } from './ports.ts';

interface WindowRow {
  readonly count: number;
  readonly expires_at: number;
}

/** Fixed windows in `kv`, one row a key, counted in one atomic statement. */
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
           value = case when kv.expires_at <= $3 then '1'::jsonb else to_jsonb((kv.value #>> '{}')::bigint + 1) end,
           expires_at = case when kv.expires_at <= $3 then excluded.expires_at else kv.expires_at end
         returning (value #>> '{}')::float8 as count, expires_at::float8 as expires_at`,
        [`rate:${key}`, windowEndsMs, nowMs],
      );
      return judged((row?.count ?? 1) <= max, row?.expires_at ?? windowEndsMs, nowMs);
    },
    async peek(key: string, { max, windowSeconds }: RateLimit, nowMs: number) {
      const [row] = await database.query<WindowRow>(
        `select (value #>> '{}')::float8 as count, expires_at::float8 as expires_at from kv where key = $1 and expires_at > $2`,
        [`rate:${key}`, nowMs],
      );
      return judged((row?.count ?? 0) < max, row?.expires_at ?? nowMs + windowSeconds * 1000, nowMs);
    },
  };
}
