import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrate } from '../../../src/gateway/store/migrate.ts';
import { type Migration, migrations } from '../../../src/gateway/store/migrations/migrations.ts';
import { openStore } from '../../../src/gateway/store/open.ts';
import { parsePostgresUrl } from '../../../src/gateway/store/postgres-url.ts';
import { createPostgresDatabase } from '../../../src/gateway/store/sql-database.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { postgresOptions } from '../../contract/every-store.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { createTestDatabase, describeWithPostgres, type TestDatabase } from '../../support/postgres.ts';
import { startOpener } from './opener-process.ts';

const applied = migrations.map(({ id }) => `info migration ${id} applied`);

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

async function open(log = createMemoryLog()): Promise<typeof log> {
  const store = await openStore(postgresOptions(database.url), { clock: systemClock, log });
  await store.close();
  return log;
}

const recorded = async () =>
  (await database.sql('select id from _migrations order by id')).map(({ id }) => id);

/** What a replica does that holds the lock. */
async function migrateBy(other: ReturnType<TestDatabase['connect']>): Promise<void> {
  await other.unsafe('create table _migrations (id integer primary key, name text, applied_at timestamptz)');
  for (const { id, statements } of migrations) {
    for (const statement of statements) await other.unsafe(statement);
    await other.unsafe(`insert into _migrations values (${id}, 'by the other', now())`);
  }
}

/** Writes down a migration of a newer release, with what it needs. */
const recordNewer = (id: number, needsId: number, release: string) =>
  database.sql(
    `insert into _migrations (id, name, needs_id, needs_release) values (${id}, 'of the future', ${needsId}, '${release}')`,
  );

/** What another list of migrations does to the database. */
async function migrateWith(list: readonly Migration[], log = createMemoryLog()): Promise<void> {
  const target = createPostgresDatabase(parsePostgresUrl(database.url, {}), {
    ...{ maxConnections: 1, connectTimeoutSeconds: 5, preparedStatements: true, statementTimeoutMs: 5_000 },
  });
  await migrate(target, log, list).finally(() => target.close());
}

describeWithPostgres('migrations', () => {
  it('run at the first start and not at the next', async () => {
    expect((await open()).lines).toEqual(applied);
    expect((await open()).lines).toEqual([]);
    expect(await recorded()).toEqual(migrations.map(({ id }) => id));
  });

  it('run once when two processes start at the same moment', async () => {
    const openers = await Promise.all([startOpener(), startOpener()]);
    const openings = await Promise.all(openers.map(({ open }) => open(postgresOptions(database.url))));
    expect(openings.map(({ error }) => error)).toEqual([undefined, undefined]);
    const lines = openings.flatMap(({ log }) => log);
    expect(lines.filter((line) => line.endsWith('applied'))).toEqual(applied);
    expect(await recorded()).toEqual(migrations.map(({ id }) => id));
    await Promise.all(openers.map(({ leave }) => leave()));
  });

  it('wait for the replica that is at it, and say so', async () => {
    const other = database.connect();
    await other.unsafe('select pg_advisory_lock(6775156)');
    const log = createMemoryLog();
    const opening = open(log);
    await log.line(/waiting/);
    expect(log.lines).toEqual([
      'info waiting for migration lock (another replica may be migrating; check pg_locks for key 6775156 if this persists)',
    ]);
    await other.unsafe('select pg_advisory_unlock(6775156)');
    await opening;
    expect(log.lines.slice(1)).toEqual(applied);
  });

  it('that a replica finishes while this one waits are not run again, whatever the isolation by default', async () => {
    await database.sql(`alter database ${database.name} set default_transaction_isolation = 'serializable'`);
    const other = database.connect();
    await other.unsafe('select pg_advisory_lock(6775156)');
    const log = createMemoryLog();
    const opening = open(log);
    await log.line(/waiting/);
    await migrateBy(other);
    await other.unsafe('select pg_advisory_unlock(6775156)');
    await opening;
    expect(log.lines.filter((line) => line.endsWith('applied'))).toEqual([]);
  });

  it('of a newer release do not keep this one from starting', async () => {
    await open();
    await database.sql("insert into _migrations (id, name) values (999, 'of the future')");
    await database.sql('alter table sessions add column mood text');
    expect((await open()).lines).toEqual([]);
  });

  it('that are new run on what was there before', async () => {
    await open();
    const log = createMemoryLog();
    const next = { id: 998, name: 'a test', statements: ['create table later (id integer)'] };
    await migrateWith([...migrations, next], log);
    expect(log.lines).toEqual(['info migration 998 applied']);
    expect(await database.sql('select * from later')).toEqual([]);
  });

  it('that take something away keep releases that need it from starting, and tell them what to run', async () => {
    await open();
    const statements = ['alter table sessions drop column client'];
    const needs = { id: 998, release: '0.9.0' };
    const adds = { id: 998, name: 'does without', statements: [] };
    await migrateWith([...migrations, adds, { id: 999, name: 'takes away', statements, needs }]);
    const before = await recorded();
    await expect(open()).rejects.toMatchObject({
      code: 'store_unsupported',
      detail:
        'store: a newer release has changed the tables (migration 999) so that this one cannot use them; run Sallyport 0.9.0 or newer, or put back a backup from before that upgrade',
    });
    expect(await recorded()).toEqual(before);
    const log = createMemoryLog();
    await migrateWith([...migrations, adds], log);
    expect(log.lines).toEqual([]);
  });

  it('of several newer releases: the newest is named', async () => {
    await open();
    await recordNewer(998, 998, '0.9.0');
    await recordNewer(999, 999, '0.10.0');
    await expect(open()).rejects.toThrow(/migration 999.*Sallyport 0\.10\.0 or newer/);
  });

  it('of a newer release that needs what this one knows do not keep it from starting', async () => {
    await open();
    await recordNewer(999, migrations.at(-1)?.id ?? 0, '0.1.0');
    expect((await open()).lines).toEqual([]);
  });

  it('of a newer release that is faster by a moment keep this one from starting as well', async () => {
    const other = database.connect();
    await other.unsafe('select pg_advisory_lock(6775156)');
    const log = createMemoryLog();
    const opening = open(log);
    await log.line(/waiting/);
    await migrateBy(other);
    await recordNewer(999, 999, '0.9.0');
    await other.unsafe('select pg_advisory_unlock(6775156)');
    await expect(opening).rejects.toMatchObject({
      code: 'store_unsupported',
      detail: expect.stringContaining('run Sallyport 0.9.0 or newer'),
    });
  });

  it('leave nothing behind when one of them fails, and name what is in the way', async () => {
    await database.sql('create table sessions (id integer)');
    await expect(open()).rejects.toMatchObject({
      code: 'store_unsupported',
      detail: expect.stringMatching(/42P07 relation "sessions" already exists.*something else/),
    });
    expect(await database.sql("select to_regclass('kv') as kv, to_regclass('_migrations') as log")).toEqual([
      { kv: null, log: null },
    ]);
  });
});
