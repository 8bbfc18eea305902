import type { Database } from './database.ts';
import type { RefreshNotes } from './ports.ts';

const NOTE = 'refresh:';

/** Notes about refresh tokens in `kv`, one row a token. */
export function createRefreshNoteStore(database: Database): RefreshNotes {
  return {
    async put(tokenHash, sealed, expiresAtMs) {
      await database.query(
        `insert into kv (key, value, expires_at) values ($1, to_jsonb($2::text), $3)
         on conflict (key) do update set value = excluded.value, expires_at = excluded.expires_at`,
        [NOTE + tokenHash, sealed, expiresAtMs],
      );
    },
    async find(tokenHash, nowMs) {
      const [row] = await database.query<{ sealed: string }>(
        `select value #>> '{}' as sealed from kv where key = $1 and expires_at > $2`,
        [NOTE + tokenHash, nowMs],
      );
      return row?.sealed;
    },
  };
}
