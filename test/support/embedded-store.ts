import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrations } from '../../src/gateway/store/migrations/migrations.ts';
import { openStore } from '../../src/gateway/store/open.ts';
import type { Store } from '../../src/gateway/store/ports.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createMemoryLog } from './memory-log.ts';

export interface EmbeddedStore {
  readonly store: Store;
  readonly folder: string;
  close(): Promise<void>;
  /** Removes the folder of the closed store. */
  remove(): void;
}

/** A real embedded store with empty tables. It is copied from one made before: making the first takes seconds. */
export async function openEmbeddedStore(): Promise<EmbeddedStore> {
  const folder = await newEmbeddedFolder();
  const store = await open(folder);
  return {
    store,
    folder,
    close: () => store.close(),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A folder for `store.embedded` with empty tables, for a process to open. */
export async function newEmbeddedFolder(folder = newFolder()): Promise<string> {
  cpSync(await emptyStore(), folder, { recursive: true });
  return folder;
}

function open(folder: string): Promise<Store> {
  return openStore({ kind: 'embedded', folder }, { clock: systemClock, log: createMemoryLog() });
}

/** The folder of a closed store without rows, kept between runs. */
async function emptyStore(): Promise<string> {
  const kept = join(tmpdir(), `sallyport-empty-store-${fingerprint()}`);
  if (existsSync(kept)) return kept;
  const made = newFolder();
  await (await open(made)).close();
  try {
    renameSync(made, kept);
  } catch {
    // Another test file was faster; its folder is as good.
    rmSync(made, { recursive: true, force: true });
  }
  return kept;
}

function fingerprint(): string {
  const lock = readFileSync(fileURLToPath(new URL('../../package-lock.json', import.meta.url)));
  return createHash('sha256').update(lock).update(JSON.stringify(migrations)).digest('hex').slice(0, 16);
}

function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'sallyport-store-'));
}
