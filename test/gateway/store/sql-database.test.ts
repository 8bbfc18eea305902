import { Socket } from 'node:net';
import type postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { Database } from '../../../src/gateway/store/database.ts';
import { parsePostgresUrl } from '../../../src/gateway/store/postgres-url.ts';
import { createPostgresDatabase, type SqlOptions } from '../../../src/gateway/store/sql-database.ts';
import { createTestDatabase, describeWithPostgres, type TestDatabase } from '../../support/postgres.ts';

let test: TestDatabase;
let opened: Database[] = [];
beforeAll(async () => {
  test = await createTestDatabase();
  await test.sql(`alter database ${test.name} set deadlock_timeout = '100ms'`);
  await test.sql('create table t (id integer primary key, n integer not null)');
});
beforeEach(() => test.sql('truncate t; insert into t values (1, 0), (2, 0)'));
afterEach(async () => {
  await Promise.all(opened.map((database) => database.close()));
  opened = [];
});
afterAll(() => test.drop());

function connect(changes: Partial<SqlOptions> = {}): Database {
  const database = createPostgresDatabase(parsePostgresUrl(test.url, {}), {
    maxConnections: 2,
    connectTimeoutSeconds: 5,
    preparedStatements: true,
    statementTimeoutMs: 5_000,
    ...changes,
  });
  opened.push(database);
  return database;
}

const rows = () => test.sql('select id, n from t order by id');

/** Another client that waits with patience: of a deadlock that somebody else brings about it is never the victim. */
async function connectOther(): Promise<postgres.Sql> {
  const other = test.connect();
  await other.unsafe("set deadlock_timeout = '1min'");
  return other;
}

/** Resolves when this many statements of other connections wait for a lock. */
async function untilWaiting(count: number): Promise<void> {
  for (;;) {
    const [row] = await test.sql(
      `select count(*)::int as n from pg_stat_activity where datname = '${test.name}' and wait_event_type = 'Lock'`,
    );
    if (row?.['n'] === count) return;
  }
}

describeWithPostgres('a statement', () => {
  it('is given up when it takes too long, without holding up the next', async () => {
    const database = connect({ statementTimeoutMs: 300 });
    const other = test.connect();
    await other.unsafe('begin');
    await other.unsafe('select * from t for update');
    await expect(database.query('update t set n = 1')).rejects.toMatchObject({
      code: 'store_unavailable',
      detail: 'no answer in 300 ms',
    });
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
    await other.unsafe('rollback');
  });

  it('that was the victim of a deadlock is done all the same', async () => {
    const database = connect();
    const other = await connectOther();
    const gate = test.connect();
    await gate.unsafe('select pg_advisory_lock(1)');
    await other.unsafe('begin');
    await other.unsafe('update t set n = n + 1 where id = 2');
    const ours = database.query(
      `update t set n = n + 10 where id = (select id from t where id = 1 for update)
        or id = 2 and pg_advisory_xact_lock(1)::text is not null`,
    );
    await untilWaiting(1);
    const theirs = other.unsafe('update t set n = n + 1 where id = 1').execute();
    await untilWaiting(2);
    await gate.unsafe('select pg_advisory_unlock(1)');
    await theirs;
    await other.unsafe('commit');
    await ours;
    expect(await rows()).toEqual([
      { id: 1, n: 11 },
      { id: 2, n: 11 },
    ]);
  });

  it('names itself in no error', async () => {
    const error: unknown = await connect()
      .query('select $1::int', ['not-a-number-but-secret'])
      .catch((thrown: unknown) => thrown);
    expect(Object.keys(Object(error))).not.toContain('query');
    expect(Object.keys(Object(error))).not.toContain('parameters');
  });
});

describeWithPostgres('a transaction', () => {
  it('is done whole', async () => {
    const database = connect();
    const result = await database.transaction(async (tx) => {
      await tx.query('update t set n = $1 where id = $2', [5, 1]);
      await tx.query('update t set n = $1 where id = $2', [6, 2]);
      return 'done';
    });
    expect(result).toBe('done');
    expect(await rows()).toEqual([
      { id: 1, n: 5 },
      { id: 2, n: 6 },
    ]);
  });

  it('leaves nothing behind when its work fails', async () => {
    const failure = new Error('changed my mind');
    const failing = connect().transaction(async (tx) => {
      await tx.query('update t set n = 5');
      throw failure;
    });
    await expect(failing).rejects.toBe(failure);
    expect(await rows()).toMatchObject([{ n: 0 }, { n: 0 }]);
  });

  it('is not done behind the back of a caller that has given up', async () => {
    const database = connect({ statementTimeoutMs: 300 });
    const other = test.connect();
    await other.unsafe('begin');
    await other.unsafe('update t set n = 1 where id = 2');
    const ended = vi.fn();
    const late = database.transaction(async (tx) => {
      await tx.query('update t set n = 7 where id = 1');
      await tx.query('update t set n = 7 where id = 2').finally(ended);
    });
    await expect(late).rejects.toMatchObject({ code: 'store_unavailable' });
    await other.unsafe('commit');
    await vi.waitFor(() => expect(ended).toHaveBeenCalled());
    // Waits for the rows that the transaction held until its end.
    await test.sql('select * from t for update');
    expect(await rows()).toEqual([
      { id: 1, n: 0 },
      { id: 2, n: 1 },
    ]);
  });

  it('is repeated whole after a deadlock', async () => {
    const database = connect();
    const other = await connectOther();
    const { promise: hasFirst, resolve: tellFirst } = Promise.withResolvers<void>();
    const { promise: isAwaited, resolve: tellAwaited } = Promise.withResolvers<void>();
    const { promise: isThrough, resolve: tellThrough } = Promise.withResolvers<void>();
    let runs = 0;
    const ours = database.transaction(async (tx) => {
      runs += 1;
      // Else it could be back at the row before the other, which has waited for it, has woken.
      if (runs > 1) await isThrough;
      await tx.query('update t set n = n + 10 where id = 1');
      tellFirst();
      await isAwaited;
      await tx.query('update t set n = n + 10 where id = 2');
    });
    await other.unsafe('begin');
    await other.unsafe('update t set n = n + 1 where id = 2');
    await hasFirst;
    const theirs = other.unsafe('update t set n = n + 1 where id = 1').execute();
    await untilWaiting(1);
    tellAwaited();
    await theirs;
    tellThrough();
    await other.unsafe('commit');
    await ours;
    expect(runs).toBe(2);
    expect(await rows()).toEqual([
      { id: 1, n: 11 },
      { id: 2, n: 11 },
    ]);
  });

  it('sees what others have committed meanwhile, whatever the server has as its default', async () => {
    await test.sql(`alter database ${test.name} set default_transaction_isolation = 'serializable'`);
    const seen = await connect().transaction(async (tx) => {
      await tx.query('select n from t');
      await test.sql('update t set n = 3');
      return tx.query('select n from t where id = 1');
    });
    await test.sql(`alter database ${test.name} reset default_transaction_isolation`);
    expect(seen).toEqual([{ n: 3 }]);
  });
});

describeWithPostgres('a pool', () => {
  it('serves on after a connection broke while a statement was on its way to it', async () => {
    const connects = vi.spyOn(Socket.prototype, 'connect');
    const database = connect({
      maxConnections: 1,
      connectTimeoutSeconds: 0.5,
      statementTimeoutMs: 700,
    });
    await database.query('select 1');
    const socket: unknown = connects.mock.contexts.at(-1);
    connects.mockRestore();
    if (!(socket instanceof Socket)) throw new Error('no connection was made');
    socket.destroy(Object.assign(new Error('reset by peer'), { code: 'ECONNRESET' }));
    await new Promise((resolve) => setImmediate(resolve));
    // In this very turn the driver does not know yet, and writes into nothing.
    await expect(database.query('select 1')).rejects.toMatchObject({ code: 'store_unavailable' });
    // From now on it cannot write to that connection at all.
    await expect(database.query('select 1')).rejects.toMatchObject({ code: 'CONNECT_TIMEOUT' });
    expect(await database.query('select 2 as two')).toEqual([{ two: 2 }]);
  });

  it('fails what runs when it starts anew, and serves on', async () => {
    const database = connect();
    const running = database.query('select pg_sleep(60)');
    const failing = expect(running).rejects.toMatchObject({ code: 'CONNECTION_DESTROYED' });
    await vi.waitFor(async () => {
      const [row] = await test.sql(
        `select count(*)::int as n from pg_stat_activity where query ~ '^select pg_sleep'`,
      );
      expect(row).toEqual({ n: 1 });
    });
    database.reset();
    await failing;
    expect(await database.query('select 2 as two')).toEqual([{ two: 2 }]);
    await test.sql("select pg_terminate_backend(pid) from pg_stat_activity where query ~ '^select pg_sleep'");
  });

  it('leaves no connection and no caller behind once closed', async () => {
    const database = connect({ maxConnections: 1 });
    await database.query('select 1');
    database.reset();
    const other = await connectOther();
    await other.unsafe('begin');
    await other.unsafe('lock table t');
    const asked = Array.from({ length: 5 }, () => database.query('select n from t'));
    await untilWaiting(1);
    const closed = database.close();
    await other.unsafe('commit');
    await closed;
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes[0]?.status).toBe('fulfilled');
    await expect(database.query('select 1')).rejects.toMatchObject({ code: 'CONNECTION_ENDED' });
    await vi.waitFor(async () => {
      const [row] = await test.sql(
        `select count(*)::int as n from pg_stat_activity where datname = '${test.name}' and application_name = 'sallyport'`,
      );
      expect(row).toEqual({ n: 0 });
    });
  });
});
