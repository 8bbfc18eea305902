import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openEmbeddedStore } from '../../support/embedded-store.ts';

/** Folders with a closed store in each, for one test file; removed at its end. */
export function createEmbeddedFolders(): { make(): Promise<string>; empty(): string } {
  const folders: string[] = [];
  let first: Promise<string> | undefined;
  const closed = async (): Promise<string> => {
    const { store, folder } = await openEmbeddedStore();
    await store.close();
    folders.push(folder);
    return folder;
  };
  const empty = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-embedded-'));
    folders.push(folder);
    return folder;
  };
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  return {
    async make() {
      first ??= closed();
      const folder = empty();
      cpSync(await first, folder, { recursive: true });
      return folder;
    },
    empty,
  };
}
