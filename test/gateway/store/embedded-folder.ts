import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { Database } from '../../../src/gateway/store/database.ts';
import { newEmbeddedFolder } from '../../support/embedded-store.ts';

/** Folders for one test file, with a closed store in them or empty; removed at its end. */
export function createEmbeddedFolders(): { make(): Promise<string>; empty(): string } {
  const folders: string[] = [];
  const kept = (folder: string): string => {
    folders.push(folder);
    return folder;
  };
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  return {
    make: async () => kept(await newEmbeddedFolder()),
    empty: () => kept(mkdtempSync(join(tmpdir(), 'sallyport-embedded-'))),
  };
}

/** Asks until there is an answer; each time anew, as the circuit does. */
export async function untilAnswered(
  database: Database,
  text: string,
): Promise<readonly Record<string, unknown>[]> {
  for (;;) {
    const rows = await database.query(text).catch(() => undefined);
    if (rows) return rows;
    database.reset();
  }
}
