import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { openStore, type StoreOptions } from '../../src/gateway/store/open.ts';
import type { Store } from '../../src/gateway/store/ports.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openEmbeddedStore } from '../support/embedded-store.ts';
import { createMemoryLog } from '../support/memory-log.ts';
import { createTestDatabase, describeWithPostgres } from '../support/postgres.ts';

export interface StoreUnderTest {
  readonly store: Store;
  /** What another replica has open on the same rows; an embedded store has one process, and this is `store` again. */
  readonly replica: Store;
  close(): Promise<void>;
}

/** A fixed moment; the stores take time from their callers. */
/** Long past, so that the store's own clock has nothing against it. */
export const NOW = Date.UTC(2024, 5, 1, 12);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Runs a suite over every store there is. Each test starts without rows. */
export function describeEveryStore(suite: (under: StoreUnderTest) => void): void {
  describe('the embedded store', () => run(openEmbedded, suite));
  describeWithPostgres('PostgreSQL', () => run(() => openPostgres(true), suite));
  describeWithPostgres('PostgreSQL without prepared statements', () => run(() => openPostgres(false), suite));
}

function run(open: () => Promise<StoreUnderTest>, suite: (under: StoreUnderTest) => void): void {
  let opened: StoreUnderTest;
  beforeAll(async () => {
    opened = await open();
  });
  // Everything has expired by then.
  beforeEach(() => opened.store.sweep(Number.MAX_SAFE_INTEGER));
  afterAll(() => opened.close());
  suite({
    get store() {
      return opened.store;
    },
    get replica() {
      return opened.replica;
    },
    close: () => opened.close(),
  });
}

async function openEmbedded(): Promise<StoreUnderTest> {
  const { store, close, remove } = await openEmbeddedStore();
  return { store, replica: store, close: () => close().finally(remove) };
}

async function openPostgres(preparedStatements: boolean): Promise<StoreUnderTest> {
  const database = await createTestDatabase();
  const open = () =>
    openStore(postgresOptions(database.url, { preparedStatements }), {
      clock: systemClock,
      log: createMemoryLog(),
    });
  const [store, replica] = [await open(), await open()];
  return {
    store,
    replica,
    async close() {
      await Promise.all([store.close(), replica.close()]);
      await database.drop();
    },
  };
}

/** Options as the configuration's defaults make them. */
export function postgresOptions(
  url: string,
  changes: Partial<Extract<StoreOptions, { kind: 'postgres' }>> = {},
): StoreOptions {
  return {
    kind: 'postgres',
    url,
    username: undefined,
    password: undefined,
    maxConnections: 5,
    connectTimeoutSeconds: 5,
    preparedStatements: true,
    ...changes,
  };
}
