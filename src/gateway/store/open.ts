import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Secret } from '../../kernel/secret.ts';
import { withCircuit } from './circuit.ts';
import type { Database } from './database.ts';
import { openEmbeddedDatabase } from './embedded-database.ts';
import { createGrantStore } from './grants.ts';
import { migrate } from './migrate.ts';
import type { Store } from './ports.ts';
import { parsePostgresUrl } from './postgres-url.ts';
import { createRateCounterStore } from './rate-counters.ts';
import { createRevocationStore } from './revocations.ts';
import { createSessionStore } from './sessions.ts';
import { createPostgresDatabase, isOutage } from './sql-database.ts';
import { createSweep } from './sweep.ts';

export type StoreOptions =
  | { readonly kind: 'embedded'; readonly folder: string }
  | {
      readonly kind: 'postgres';
      readonly url: string;
      readonly username: string | undefined;
      readonly password: Secret | undefined;
      readonly maxConnections: number;
      readonly connectTimeoutSeconds: number;
      readonly preparedStatements: boolean;
    };

export interface StoreParts {
  readonly clock: Clock;
  readonly log: Log;
}

const STATEMENT_TIMEOUT_MS = 2_000;
/** Migrations may wait for another replica's. */
const MIGRATION_TIMEOUT_MS = 600_000;
const BOOT_ATTEMPTS = 3;
const BOOT_PAUSE_MS = 2_000;
const OLDEST_SERVER = 140_000;

/**
 * Opens the store and brings its tables up to date. Throws CodedError `store_unreachable`, `store_locked`,
 * `store_permission`, `store_unsupported` or `config_invalid`, each naming the setting and what to do.
 */
export async function openStore(options: StoreOptions, parts: StoreParts): Promise<Store> {
  const database = await (options.kind === 'embedded'
    ? openEmbedded(options.folder, parts)
    : openPostgres(options, parts));
  return createStore(withCircuit(database, parts));
}

function createStore(database: Database): Store {
  return {
    grants: createGrantStore(database),
    rateCounters: createRateCounterStore(database),
    sessions: createSessionStore(database),
    revocations: createRevocationStore(database),
    sweep: createSweep(database),
    ping: (signal) =>
      new Promise((resolve, reject) => {
        const giveUp = () => reject(new CodedError('store_unavailable', { detail: 'no answer in time' }));
        if (signal.aborted) return giveUp();
        signal.addEventListener('abort', giveUp, { once: true });
        database.query('select 1').then(() => resolve(), reject);
      }),
    close: () => database.close(),
  };
}

async function openEmbedded(folder: string, { log }: StoreParts): Promise<Database> {
  const database = await openEmbeddedDatabase(folder, MIGRATION_TIMEOUT_MS, log);
  try {
    await migrate(database, log);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function openPostgres(
  options: Extract<StoreOptions, { kind: 'postgres' }>,
  parts: StoreParts,
): Promise<Database> {
  const target = parsePostgresUrl(options.url, options);
  const { maxConnections, connectTimeoutSeconds, preparedStatements } = options;
  const sql = { connectTimeoutSeconds, preparedStatements };
  const booting = createPostgresDatabase(target, {
    ...sql,
    maxConnections: 1,
    statementTimeoutMs: MIGRATION_TIMEOUT_MS,
  });
  try {
    await reach(booting, `${target.host}:${target.port}`, parts);
    await refuseOldServers(booting);
    await migrate(booting, parts.log);
  } finally {
    await booting.close().catch(() => undefined);
  }
  return createPostgresDatabase(target, { ...sql, maxConnections, statementTimeoutMs: STATEMENT_TIMEOUT_MS });
}

async function reach(database: Database, where: string, { clock, log }: StoreParts): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await database.query('select 1');
      return;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      if (attempt === BOOT_ATTEMPTS || !isOutage(cause)) {
        const detail = `store.postgres_url: could not connect to Postgres at ${where} (${reason}); check that it runs, that this host may connect, and user and password`;
        throw new CodedError('store_unreachable', { detail, cause });
      }
      log.warn(`could not connect to Postgres at boot, attempt ${attempt} of ${BOOT_ATTEMPTS} (${reason})`);
      await clock.sleep(BOOT_PAUSE_MS);
    }
  }
}

async function refuseOldServers(database: Database): Promise<void> {
  const [row] = await database.query<{ version: string }>(
    "select current_setting('server_version_num') as version",
  );
  if (Number(row?.version) >= OLDEST_SERVER) return;
  const detail = `store.postgres_url: PostgreSQL 14 or newer is needed, this server is ${row?.version ?? 'unknown'}`;
  throw new CodedError('store_unsupported', { detail });
}
