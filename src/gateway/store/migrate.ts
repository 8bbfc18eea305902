import { CodedError, isCodedError } from '../../kernel/coded-error.ts';
import { escapeControl, type Log } from '../../kernel/log.ts';
import type { Database, Querier } from './database.ts';
import { migrations as allMigrations, type Migration } from './migrations/migrations.ts';
import { isOutage, reasonOf, sqlStateOf } from './outage.ts';
import { grantsFor } from './rights.ts';

/** Advisory lock that replicas take while they migrate; operators search for it in pg_locks. */
const LOCK_KEY = 6775156;
/** Long, since another replica may be at it. */
const TIMEOUT_MS = 600_000;
const INSUFFICIENT_PRIVILEGE = '42501';
/** No schema in the search path that this role may use. */
const NO_SCHEMA = '3F000';

/** Where it is written down which migrations have run. Changed by migrations like any other table. */
export const MIGRATIONS_TABLE =
  'create table if not exists _migrations (id integer primary key, name text not null, applied_at timestamptz not null default now())';

/** A migration that has run. `needs_*` say what a release must know since then; the first releases did not write them. */
interface Applied {
  readonly id: number;
  readonly needs_id: number | null;
  readonly needs_release: string | null;
}

/**
 * Brings the tables up to date under an advisory lock. A database that is up to date needs no right to change tables.
 * What newer releases have added is ignored; where they have taken away what this one needs, it refuses. Throws CodedError
 * `store_permission`, `store_unsupported`.
 */
export async function migrate(
  database: Database,
  log: Log,
  migrations: readonly Migration[] = allMigrations,
): Promise<void> {
  const todo = await database.transaction((tx) => missing(tx, migrations), TIMEOUT_MS);
  if (todo.length === 0) return;
  try {
    const applied = await database.transaction((tx) => applyMissing(tx, log, migrations), TIMEOUT_MS);
    for (const { id } of applied) log.info(`migration ${id} applied`);
  } catch (cause) {
    if (isOutage(cause) || isCodedError(cause, 'store_unsupported')) throw cause;
    const state = sqlStateOf(cause);
    if (state === INSUFFICIENT_PRIVILEGE || state === NO_SCHEMA) throw await notAllowed(database, cause);
    const detail = `store: the tables cannot be brought up to date (${reasonOf(cause)}); does something else use this database?`;
    throw new CodedError('store_unsupported', { detail, cause });
  }
}

async function applyMissing(
  tx: Querier,
  log: Log,
  migrations: readonly Migration[],
): Promise<readonly Migration[]> {
  await takeLock(tx, log);
  await tx.query(MIGRATIONS_TABLE);
  const todo = await missing(tx, migrations);
  for (const { id, name, statements, needs } of todo) {
    for (const statement of statements) await tx.query(statement);
    await tx.query('insert into _migrations (id, name) values ($1, $2)', [id, name]);
    if (needs)
      await tx.query('update _migrations set needs_id = $2, needs_release = $3 where id = $1', [
        id,
        needs.id,
        needs.release,
      ]);
  }
  return todo;
}

async function takeLock(tx: Querier, log: Log): Promise<void> {
  const [row] = await tx.query<{ taken: boolean }>(`select pg_try_advisory_xact_lock(${LOCK_KEY}) as taken`);
  if (row?.taken) return;
  log.info(
    `waiting for migration lock (another replica may be migrating; check pg_locks for key ${LOCK_KEY} if this persists)`,
  );
  await tx.query(`select pg_advisory_xact_lock(${LOCK_KEY})`);
}

async function missing(querier: Querier, migrations: readonly Migration[]): Promise<readonly Migration[]> {
  const [table] = await querier.query<{ name: string | null }>(
    "select to_regclass('_migrations')::text as name",
  );
  if (!table?.name) return migrations;
  const applied = await querier.query<Applied>(
    `select id, (row->>'needs_id')::integer as needs_id, row->>'needs_release' as needs_release
     from (select id, to_jsonb(m) as row from _migrations m) as applied order by id`,
  );
  refuseWhatIsTooNew(applied, migrations);
  const ids = new Set(applied.map(({ id }) => id));
  return migrations.filter(({ id }) => !ids.has(id));
}

function refuseWhatIsTooNew(applied: readonly Applied[], migrations: readonly Migration[]): void {
  const newest = Math.max(...migrations.map(({ id }) => id));
  const beyond = applied.findLast(({ needs_id: needs }) => needs !== null && needs > newest);
  if (!beyond) return;
  const release = escapeControl(beyond.needs_release ?? 'a newer release').slice(0, 40);
  const detail = `store: a newer release has changed the tables (migration ${beyond.id}) so that this one cannot use them; run Sallyport ${release} or newer, or put back a backup from before that upgrade`;
  throw new CodedError('store_unsupported', { detail });
}

async function notAllowed(database: Database, cause: unknown): Promise<CodedError> {
  const [row] = await database.query<{ role: string; schema: string }>(
    "select quote_ident(current_user) as role, quote_ident(coalesce(current_schema(), 'public')) as schema",
  );
  const { role, schema } = row ?? { role: 'the role', schema: 'public' };
  const detail = `store.postgres_url: this role may not create the tables that are missing; have an administrator run: grant usage, create on schema ${schema} to ${role}; or start the gateway once as a role that may, then run: ${grantsFor(role).join(' ')}`;
  return new CodedError('store_permission', { detail, cause });
}
