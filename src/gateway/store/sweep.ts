import type { Database } from './database.ts';

/** Held by the replica that sweeps. */
const LOCK_KEY = 6775157;
const DAY_MS = 86_400_000;

/** Removes rows that can no longer matter. Of several replicas one does the work; the others leave at once. */
export function createSweep(database: Database): (nowMs: number) => Promise<void> {
  return (nowMs) =>
    database.transaction(async (tx) => {
      const [row] = await tx.query<{ taken: boolean }>(
        `select pg_try_advisory_xact_lock(${LOCK_KEY}) as taken`,
      );
      if (!row?.taken) return;
      await tx.query('delete from kv where expires_at <= $1', [nowMs]);
      await tx.query('delete from revocations where until_at <= $1', [nowMs]);
      await tx.query('delete from sessions where expires_at <= $1', [nowMs - DAY_MS]);
    });
}
