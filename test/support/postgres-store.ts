import { openStore } from '../../src/gateway/store/open.ts';
import type { Store } from '../../src/gateway/store/ports.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { postgresOptions } from '../contract/every-store.ts';
import { createMemoryLog } from './memory-log.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';

/** A store, and the database of its own in which a test can do what the store does not. */
export interface PostgresStore {
  readonly database: TestDatabase;
  readonly store: Store;
  close(): Promise<void>;
}

export async function openPostgresStore(): Promise<PostgresStore> {
  const database = await createTestDatabase();
  const store = await openStore(postgresOptions(database.url), {
    clock: systemClock,
    log: createMemoryLog(),
  });
  return { database, store, close: () => store.close().finally(database.drop) };
}
