import { earlierOfBoth } from './agreed-time.ts';
import type { Database } from './database.ts';

/** Held by the replica that sweeps. */
const LOCK_KEY = 6775157;
const DAY_MS = 86_400_000;
/** Rows a transaction removes: few enough to be done well within the time a statement has. */
const BATCH = 5_000;

/**
 * Removes rows that can no longer matter. Of several replicas one does the work; the others leave at once. The store's own
 * clock has to agree: a gateway whose clock is ahead takes nothing away that the others need.
 */
export function createSweep(database: Database): (nowMs: number) => Promise<void> {
  /** Whether it found so many that there may be more. */
  const remove = (table: string, expiry: string, untilMs: number): Promise<boolean> =>
    database.transaction(async (tx) => {
      const [row] = await tx.query<{ taken: boolean }>(
        `select pg_try_advisory_xact_lock(${LOCK_KEY}) as taken`,
      );
      if (!row?.taken) return false;
      const gone = await tx.query(
        `delete from ${table} where ctid = any(array(select ctid from ${table} where ${expiry} <= ${earlierOfBoth('$1')} limit ${BATCH})) returning 1`,
        [untilMs],
      );
      return gone.length === BATCH;
    });

  const removeAll = async (table: string, expiry: string, untilMs: number): Promise<void> => {
    while (await remove(table, expiry, untilMs));
  };

  return async (nowMs) => {
    await removeAll('kv', 'expires_at', nowMs);
    await removeAll('revocations', 'until_at', nowMs);
    await removeAll('sessions', 'expires_at', nowMs - DAY_MS);
  };
}
