import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEmbeddedDatabase } from '../../../src/gateway/store/embedded-database.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { createEmbeddedFolders, untilAnswered } from './embedded-folder.ts';

const folders = createEmbeddedFolders();

/** A small disk of its own; undefined where this process may not mount one. */
function mountDisk(megabytes: number): string | undefined {
  const folder = folders.empty();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], { stdio: 'ignore' });
    return folder;
  } catch {
    return undefined;
  }
}

describe('an embedded store on a full disk', () => {
  it('fails instead of hanging, loses nothing, and serves on when there is room', async ({ annotate }) => {
    const disk = mountDisk(48);
    if (disk === undefined) return void (await annotate('left out: this user may not mount a small disk'));
    const folder = join(disk, 'store');
    cpSync(await folders.make(), folder, { recursive: true });
    const log = createMemoryLog();
    const database = await openEmbeddedDatabase(folder, 300, log);
    try {
      await untilAnswered(database, 'create table if not exists t (n integer primary key)');
      await untilAnswered(database, 'insert into t values (1) on conflict do nothing');
      // The next statement needs a new piece of journal, and there is no room for it.
      await untilAnswered(database, 'select pg_switch_wal()');
      const full = log.lines.length;
      while (log.lines.length === full) {
        const writing = database.query('insert into t values (2)');
        await expect(writing).rejects.toMatchObject({ code: expect.stringMatching(/unavailable|EMBEDDED/) });
        database.reset();
      }
      expect(log.lines.at(-1)).toContain('is the disk full?');
      await expect(database.query('select n from t')).rejects.toThrow();
      execFileSync('mount', ['-o', 'remount,size=200m', disk]);
      const rows = await untilAnswered(database, 'select n from t');
      expect(rows).toContainEqual({ n: 1 });
    } finally {
      await database.close();
      execFileSync('umount', [disk]);
    }
  });
});
