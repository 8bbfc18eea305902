import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../src/gateway/store/database.ts';
import { openEmbeddedDatabase } from '../../../src/gateway/store/embedded-database.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { createEmbeddedFolders, untilAnswered } from './embedded-folder.ts';

const folders = createEmbeddedFolders();
const sleep = (seconds: number) => `select pg_sleep(${seconds})`;

describe('the embedded database', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openEmbeddedDatabase(await folders.make(), 10_000, createMemoryLog());
  });
  afterAll(() => database.close());

  it('leaves the event loop alone while it works', async () => {
    let isDone = false;
    void database.query(sleep(0.1)).finally(() => {
      isDone = true;
    });
    let turns = 0;
    for (; !isDone; turns += 1) await new Promise(setImmediate);
    expect(turns).toBeGreaterThan(10);
  });

  it('keeps the statements of one transaction together while others wait', async () => {
    await database.query('create table counter (n integer)');
    await database.query('insert into counter values (0)');
    const increments = Array.from({ length: 30 }, () =>
      database.transaction(async (tx) => {
        const [row] = await tx.query<{ n: number }>('select n from counter');
        await tx.query('update counter set n = $1', [(row?.n ?? 0) + 1]);
      }),
    );
    await Promise.all(increments);
    expect(await database.query('select n from counter')).toEqual([{ n: 30 }]);
  });

  it('takes large values', async () => {
    const large = 'é'.repeat(2_000_000);
    const [row] = await database.query<{ length: number }>('select length($1::text) as length', [large]);
    expect(row).toEqual({ length: 2_000_000 });
  });

  it('has no transaction and no statements left of a connection that is replaced', async () => {
    await database.query('create table t (n integer)');
    await database.query('insert into t values ($1)', [0]);
    const hanging = database.transaction(async (tx) => {
      await tx.query('insert into t values ($1)', [1]);
      database.reset();
      // Answered by the connection that comes after.
      await database.query('select 1');
      await tx.query('insert into t values ($1)', [2]);
    });
    await expect(hanging).rejects.toThrow();
    await database.query('insert into t values ($1)', [3]);
    expect(await database.query('select n from t order by n')).toEqual([{ n: 0 }, { n: 3 }]);
    expect(await database.query('select name from pg_prepared_statements')).toHaveLength(1);
  });
});

describe('an embedded database in trouble', () => {
  const log = createMemoryLog();
  let folder: string;
  let database: Database;
  beforeAll(async () => {
    folder = await folders.make();
    database = await openEmbeddedDatabase(folder, 300, log);
  });
  afterAll(() => database.close());

  it('gives up a statement that takes too long, and answers again when it is through', async () => {
    await expect(database.query(sleep(0.8))).rejects.toMatchObject({ detail: 'no answer in 300 ms' });
    await expect(database.query('select 1')).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await untilAnswered(database, 'select 2 as two')).toEqual([{ two: 2 }]);
  });

  it('starts anew when its thread hangs, with all that was acknowledged', async () => {
    await untilAnswered(database, 'create table if not exists t (n integer primary key)');
    await untilAnswered(database, 'insert into t values (1) on conflict do nothing');
    // Where its journal cannot be written it turns in a circle, as on a full disk.
    await untilAnswered(database, 'select pg_switch_wal()');
    const before = log.lines.length;
    renameSync(join(folder, 'data/pg_wal'), join(folder, 'data/away'));
    while (log.lines.length === before) {
      await expect(database.query('insert into t values (2)')).rejects.toThrow();
      database.reset();
    }
    renameSync(join(folder, 'data/away'), join(folder, 'data/pg_wal'));
    expect(await untilAnswered(database, 'select n from t')).toContainEqual({ n: 1 });
    expect(log.lines.at(-1)).toMatch(
      /^error embedded store stopped \(no answer in \d+ seconds; is the disk full\?\)/,
    );
  });
});

describe('a folder that cannot be opened', () => {
  const refusal = (folder: string) =>
    openEmbeddedDatabase(folder, 10_000, createMemoryLog()).then(
      () => 'opened',
      (error: unknown) => error,
    );

  it('because it is not one is named', async () => {
    const file = join(folders.empty(), 'file');
    writeFileSync(file, '');
    expect(await refusal(join(file, 'store'))).toMatchObject({
      code: 'store_unreachable',
      detail: expect.stringMatching(/^store.embedded: cannot make the folder .*file\/store \(ENOTDIR\)/),
    });
  });

  it('because another release made it is left as it is', async () => {
    const folder = await folders.make();
    const version = join(folder, 'data/PG_VERSION');
    writeFileSync(version, '19\n');
    expect(await refusal(folder)).toMatchObject({
      code: 'store_unsupported',
      detail: expect.stringMatching(
        /made by another release of sallyport \(data version 19, this one reads 18\)/,
      ),
    });
    expect(readFileSync(version, 'utf8')).toBe('19\n');
    expect(existsSync(join(folder, 'lock.json'))).toBe(false);
  });

  it('because it is damaged is named, and not locked', async () => {
    const folder = await folders.make();
    writeFileSync(join(folder, 'data/global/pg_control'), 'damaged');
    expect(await refusal(folder)).toMatchObject({
      code: 'store_unreachable',
      detail: expect.stringMatching(
        /^store.embedded: \S+ cannot be opened \(.*\); is the disk full, or the folder/,
      ),
    });
    expect(existsSync(join(folder, 'lock.json'))).toBe(false);
  });
});
