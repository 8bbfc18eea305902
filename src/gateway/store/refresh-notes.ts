import type { Database } from './database.ts';
import type { RefreshNotes } from './ports.ts';

const NOTE = 'refresh:';
const CLAIM = 'refreshing:';

/**
 * Notes about refresh tokens in `kv`, one row a token, and who is renewing one, another row. A claim that ends later than two
 * could was made by a clock that was ahead, and counts as over.
 */
export function createRefreshNoteStore(database: Database): RefreshNotes {
  return {
    async put(tokenHash, sealed, expiresAtMs) {
      await database.query(
        `with claim as (delete from kv where key = $4)
         insert into kv (key, value, expires_at) values ($1, to_jsonb($2::text), $3)
         on conflict (key) do update set value = excluded.value, expires_at = excluded.expires_at`,
        [NOTE + tokenHash, sealed, expiresAtMs, CLAIM + tokenHash],
      );
    },
    async find(tokenHash, nowMs) {
      const [row] = await database.query<{ sealed: string }>(
        `select value #>> '{}' as sealed from kv where key = $1 and expires_at > $2`,
        [NOTE + tokenHash, nowMs],
      );
      return row?.sealed;
    },
    async claim(tokenHash, owner, { nowMs, lifeMs }) {
      const claimed = await database.query(
        `insert into kv (key, value, expires_at) values ($1, to_jsonb($2::text), $3)
         on conflict (key) do update set value = excluded.value, expires_at = excluded.expires_at
           where kv.value = excluded.value or kv.expires_at <= $4 or kv.expires_at > $5
         returning 1`,
        [CLAIM + tokenHash, owner, nowMs + lifeMs, nowMs, nowMs + 2 * lifeMs],
      );
      return claimed.length > 0;
    },
    async release(tokenHash, owner) {
      await database.query(`delete from kv where key = $1 and value = to_jsonb($2::text)`, [
        CLAIM + tokenHash,
        owner,
      ]);
    },
  };
}
