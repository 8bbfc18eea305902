import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Secret } from '../../kernel/secret.ts';
import type { Database, Querier } from './database.ts';
import { migrate } from './migrate.ts';
import { isOutage, reasonOf, sqlStateOf } from './outage.ts';
import { type PostgresTarget, parsePostgresUrl } from './postgres-url.ts';
import { checkRights } from './rights.ts';
import { createPostgresDatabase } from './sql-database.ts';

export interface PostgresOptions {
  readonly url: string;
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  readonly maxConnections: number;
  readonly connectTimeoutSeconds: number;
  readonly preparedStatements: boolean;
}

interface Parts {
  readonly clock: Clock;
  readonly log: Log;
}

const BOOT_ATTEMPTS = 3;
const BOOT_PAUSE_MS = 2_000;
/** A server under load may take its time at boot, when nobody waits yet. */
const INSPECTION_MS = 10_000;
const OLDEST_SERVER = 140_000;

/**
 * Connects and brings the tables up to date. Throws CodedError `store_unreachable`, `store_permission`, `store_unsupported`
 * or `config_invalid`; no message holds the URL or the password.
 */
export async function openPostgresDatabase(
  options: PostgresOptions,
  statementTimeoutMs: number,
  parts: Parts,
): Promise<Database> {
  const target = parsePostgresUrl(options.url, options);
  const database = createPostgresDatabase(target, { ...options, statementTimeoutMs });
  try {
    await reach(database, target, options.connectTimeoutSeconds, parts);
    await database.transaction(inspect, INSPECTION_MS);
    await migrate(database, parts.log);
    return database;
  } catch (error) {
    await database.close().catch(() => undefined);
    throw error;
  }
}

async function reach(
  database: Database,
  target: PostgresTarget,
  connectTimeoutSeconds: number,
  { clock, log }: Parts,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await database.transaction((tx) => tx.query('select 1'), connectTimeoutSeconds * 1000);
      return;
    } catch (cause) {
      const reason = reasonOf(cause);
      database.reset();
      if (attempt === BOOT_ATTEMPTS || !isWorthWaitingFor(cause)) throw unreachable(target, reason, cause);
      log.warn(`could not connect to Postgres at boot, attempt ${attempt} of ${BOOT_ATTEMPTS} (${reason})`);
      await clock.sleep(BOOT_PAUSE_MS);
    }
  }
}

/** A refused sign-in or a database that does not exist will not be better in two seconds. */
function isWorthWaitingFor(error: unknown): boolean {
  return isOutage(error) && !/^(?:28|3D)/.test(sqlStateOf(error) ?? '');
}

function unreachable({ host, port, ssl }: PostgresTarget, reason: string, cause: unknown): CodedError {
  const tls =
    typeof ssl === 'object' ? ', whether it offers TLS with a certificate that sslmode accepts' : '';
  const detail = `store.postgres_url: could not connect to Postgres at ${host}:${port} (${reason}); check that it runs, that this host may connect${tls}, and user and password`;
  return new CodedError('store_unreachable', { detail, cause });
}

async function inspect(tx: Querier): Promise<void> {
  await refuseOldServers(tx);
  await checkRights(tx);
}

async function refuseOldServers(tx: Querier): Promise<void> {
  const [row] = await tx.query<{ version: string }>(
    "select current_setting('server_version_num') as version",
  );
  if (Number(row?.version) >= OLDEST_SERVER) return;
  const detail = `store.postgres_url: PostgreSQL 14 or newer is needed, this server is ${row?.version ?? 'unknown'}`;
  throw new CodedError('store_unsupported', { detail });
}
