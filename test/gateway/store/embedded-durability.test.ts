import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEmbeddedDatabase } from '../../../src/gateway/store/embedded-database.ts';
import { openStore } from '../../../src/gateway/store/open.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { createEmbeddedFolders } from './embedded-folder.ts';
import { startOpener } from './opener-process.ts';

const folders = createEmbeddedFolders();
const open = (folder: string, log = createMemoryLog()) =>
  openStore({ kind: 'embedded', folder }, { clock: systemClock, log });

/** Lets a process write until it has acknowledged so many, and kills it in the middle of the next. */
async function writeAndKill(folder: string, round: number, enough: number): Promise<readonly string[]> {
  const acknowledged: string[] = [];
  const child = fork(new URL('./acknowledging-writer.ts', import.meta.url), [folder, String(round)]);
  child.on('message', (sid) => {
    acknowledged.push(String(sid));
    if (acknowledged.length === enough) child.kill('SIGKILL');
  });
  await once(child, 'exit');
  return acknowledged;
}

/** The sessions in the store, opened while other processes want all of the machine. */
async function readOnBusyMachine(folder: string): Promise<ReadonlySet<unknown>> {
  const busy = Array.from({ length: 2 }, () => spawn(process.execPath, ['-e', 'for (;;);']));
  try {
    const database = await openEmbeddedDatabase(folder, 60_000, createMemoryLog());
    const rows = await database.query('select sid from sessions');
    await database.close();
    return new Set(rows.map(({ sid }) => sid));
  } finally {
    for (const child of busy) child.kill('SIGKILL');
  }
}

describe('an embedded store', () => {
  it('that is killed while it writes has everything it acknowledged, even on a busy machine', async () => {
    const folder = await folders.make();
    const acknowledged: string[] = [];
    // Of different lengths, so that it dies in different places.
    for (const [round, enough] of [1, 60, 400].entries())
      acknowledged.push(...(await writeAndKill(folder, round, enough)));
    expect(acknowledged.length).toBeGreaterThanOrEqual(461);
    const found = await readOnBusyMachine(folder);
    expect(acknowledged.filter((sid) => !found.has(sid))).toEqual([]);
  }, 120_000);

  it('that another process has open is refused, and handed over when that process is killed', async () => {
    const folder = await folders.make();
    const other = await startOpener();
    expect(await other.open({ kind: 'embedded', folder })).toEqual({ log: [] });
    await expect(open(folder)).rejects.toMatchObject({
      code: 'store_locked',
      detail: expect.stringContaining(`${folder} is in use by process ${other.child.pid}`),
    });
    await other.kill();
    await (await open(folder)).close();
    expect(existsSync(join(folder, 'lock.json'))).toBe(false);
  });

  it('of a newer release is opened without touching what that release has added', async () => {
    const folder = await folders.make();
    const database = await openEmbeddedDatabase(folder, 10_000, createMemoryLog());
    await database.query("insert into _migrations (id, name) values (999, 'of the future')");
    await database.query('create table of_the_future (n integer)');
    await database.close();
    const log = createMemoryLog();
    await (await open(folder, log)).close();
    expect(log.lines).toEqual([]);
  });
});
