import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Database, Querier } from './database.ts';
import { migrations as allMigrations, type Migration } from './migrations/migrations.ts';
import { sqlStateOf } from './sql-database.ts';

/** Advisory lock that replicas take while they migrate; operators search for it in pg_locks. */
const LOCK_KEY = 6775156;
const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Brings the tables up to date under an advisory lock. A database that is up to date needs no right to change tables.
 * Rows of newer releases are ignored. Throws CodedError `store_permission`.
 */
export async function migrate(
  database: Database,
  log: Log,
  migrations: readonly Migration[] = allMigrations,
): Promise<void> {
  if ((await missing(database, migrations)).length === 0) return;
  try {
    await database.transaction(async (tx) => {
      await takeLock(tx, log);
      await tx.query(
        'create table if not exists _migrations (id integer primary key, name text not null, applied_at timestamptz not null default now())',
      );
      for (const { id, name, statements } of await missing(tx, migrations)) {
        for (const statement of statements) await tx.query(statement);
        await tx.query('insert into _migrations (id, name) values ($1, $2)', [id, name]);
        log.info(`migration ${id} applied`);
      }
    });
  } catch (cause) {
    if (sqlStateOf(cause) !== INSUFFICIENT_PRIVILEGE) throw cause;
    const detail =
      'store.postgres_url: this role may not create the tables that are missing; have an administrator run the SQL that `sallyport store migrate --sql` prints, or grant CREATE on the schema';
    throw new CodedError('store_permission', { detail, cause });
  }
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
  const applied = new Set(
    (await querier.query<{ id: number }>('select id from _migrations')).map(({ id }) => id),
  );
  return migrations.filter(({ id }) => !applied.has(id));
}
