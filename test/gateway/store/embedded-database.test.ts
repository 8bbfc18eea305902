import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../src/gateway/store/database.ts';
import { openEmbeddedDatabase } from '../../../src/gateway/store/embedded-database.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { createEmbeddedFolders } from './embedded-folder.ts';

const folders = createEmbeddedFolders();
let opened: Database | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

async function open(folder: string, statementTimeoutMs = 10_000, log = createMemoryLog()): Promise<Database> {
  opened = await openEmbeddedDatabase(folder, statementTimeoutMs, log);
  return opened;
}

const sleep = (seconds: number) => `select pg_sleep(${seconds})`;

describe('the embedded database', () => {
  it('leaves the event loop alone while it works', async () => {
    const database = await open(await folders.make());
    let isDone = false;
    const slow = database.query(sleep(0.5)).then(() => {
      isDone = true;
    });
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(isDone).toBe(false);
    await slow;
  });

  it('gives up a statement that takes too long, and answers again when it is through', async () => {
    const database = await open(await folders.make(), 300);
    await expect(database.query(sleep(0.8))).rejects.toMatchObject({ detail: 'no answer in 300 ms' });
    await expect(database.query('select 1')).rejects.toMatchObject({ code: 'store_unavailable' });
    await untilAnswering(database);
  });

  it('has no transaction and no statements left of a connection that is replaced', async () => {
    const database = await open(await folders.make(), 1_000);
    await database.query('create table t (n integer)');
    await database.query('insert into t values ($1)', [0]);
    const hanging = database.transaction(async (tx) => {
      await tx.query('insert into t values ($1)', [1]);
      database.reset();
      await tx.query('insert into t values ($1)', [2]);
    });
    await expect(hanging).rejects.toThrow();
    await database.query('insert into t values ($1)', [3]);
    expect(await database.query('select n from t order by n')).toEqual([{ n: 0 }, { n: 3 }]);
    expect(await database.query('select name from pg_prepared_statements')).toHaveLength(1);
  });

  it('keeps statements of one transaction together while others wait', async () => {
    const database = await open(await folders.make());
    await database.query('create table t (n integer)');
    await database.query('insert into t values (0)');
    const increments = Array.from({ length: 30 }, () =>
      database.transaction(async (tx) => {
        const [row] = await tx.query<{ n: number }>('select n from t');
        await tx.query('update t set n = $1', [(row?.n ?? 0) + 1]);
      }),
    );
    await Promise.all(increments);
    expect(await database.query('select n from t')).toEqual([{ n: 30 }]);
  });

  it('takes large values', async () => {
    const database = await open(await folders.make());
    const large = 'é'.repeat(2_000_000);
    const [row] = await database.query<{ length: number }>('select length($1::text) as length', [large]);
    expect(row).toEqual({ length: 2_000_000 });
  });

  it('starts anew when its thread hangs, with all that was acknowledged', async () => {
    const [folder, log] = [await folders.make(), createMemoryLog()];
    const database = await open(folder, 300, log);
    await database.query('create table t (n integer)');
    await database.query('insert into t values (1)');
    // Where its journal cannot be written it turns in a circle, as on a full disk.
    await database.query('select pg_switch_wal()');
    renameSync(join(folder, 'data/pg_wal'), join(folder, 'data/away'));
    await expect(database.query('insert into t values (2)')).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    while (log.lines.length === 0) {
      database.reset();
      await database.query('select 1').catch(() => undefined);
    }
    renameSync(join(folder, 'data/away'), join(folder, 'data/pg_wal'));
    await untilAnswering(database);
    expect(await database.query('select n from t')).toEqual([{ n: 1 }]);
    expect(log.lines).toEqual([
      expect.stringMatching(/^error embedded store stopped \(no answer in \d+ seconds; is the disk full\?\)/),
    ]);
  });

  it('frees the folder when it is closed', async () => {
    const folder = await folders.make();
    await (await open(folder)).close();
    expect(existsSync(join(folder, 'lock.json'))).toBe(false);
    await (await open(folder)).query('select 1');
  });
});

describe('a folder that cannot be opened', () => {
  const refusal = (folder: string) =>
    open(folder).then(
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

async function untilAnswering(database: Database): Promise<void> {
  for (;;) {
    const answer = await database.query('select 1').catch(() => undefined);
    if (answer) return;
    database.reset();
  }
}
