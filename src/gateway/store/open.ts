import { CodedError } from '../../kernel/coded-error.ts';
import { type CircuitParts, withCircuit } from './circuit.ts';
import type { Database } from './database.ts';
import { openEmbeddedDatabase } from './embedded-database.ts';
import { createGrantStore } from './grants.ts';
import { migrate } from './migrate.ts';
import { openPostgresDatabase, type PostgresOptions } from './open-postgres.ts';
import type { Store } from './ports.ts';
import { createRateCounterStore } from './rate-counters.ts';
import { createRefreshNoteStore } from './refresh-notes.ts';
import { createRevocationStore } from './revocations.ts';
import { createSessionStore } from './sessions.ts';
import { createSweep } from './sweep.ts';

export type StoreOptions =
  | { readonly kind: 'embedded'; readonly folder: string }
  | ({ readonly kind: 'postgres' } & PostgresOptions);

export type StoreParts = CircuitParts;

const STATEMENT_TIMEOUT_MS = 2_000;

/**
 * Opens the store and brings its tables up to date. Throws CodedError `store_unreachable`, `store_locked`,
 * `store_permission`, `store_unsupported` or `config_invalid`, each naming the setting and what to do.
 */
export async function openStore(options: StoreOptions, parts: StoreParts): Promise<Store> {
  const database = await (options.kind === 'embedded'
    ? openEmbedded(options.folder, parts)
    : openPostgresDatabase(options, STATEMENT_TIMEOUT_MS, parts));
  return createStore(withCircuit(database, parts));
}

function createStore(database: Database): Store {
  return {
    grants: createGrantStore(database),
    rateCounters: createRateCounterStore(database),
    sessions: createSessionStore(database),
    revocations: createRevocationStore(database),
    refreshNotes: createRefreshNoteStore(database),
    sweep: createSweep(database),
    ping: (signal) => ping(database, signal),
    nowMs: () => nowMs(database),
    close: () => database.close(),
  };
}

function ping(database: Database, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new CodedError('store_unavailable', { detail: 'no answer in time' }));
    if (signal.aborted) return giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    database
      .query('select 1')
      .then(() => resolve(), reject)
      .finally(() => signal.removeEventListener('abort', giveUp));
  });
}

async function nowMs(database: Database): Promise<number> {
  const [row] = await database.query<{ now: number }>(
    'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now',
  );
  if (!row) throw new CodedError('store_unavailable', { detail: 'no answer to what its clock shows' });
  return row.now;
}

async function openEmbedded(folder: string, { log }: StoreParts): Promise<Database> {
  const database = await openEmbeddedDatabase(folder, STATEMENT_TIMEOUT_MS, log);
  try {
    await migrate(database, log);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}
