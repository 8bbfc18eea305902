import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

/** Name, contents, and when it can no longer matter. */
export type KeptRow = readonly [key: string, payload: Readonly<Record<string, unknown>>, expiresAtMs: number];

/** Where rows are kept that outlive the process. */
export interface RowKeeper {
  load(): readonly KeptRow[];
  save(rows: readonly KeptRow[]): void;
}

const Contents = z.object({
  v: z.literal(1),
  rows: z.array(z.tuple([z.string(), z.record(z.string(), z.unknown()), z.number()])),
});

/** Keeps rows in a file that only its owner may read. One that is not there, or cannot be read, holds none: people sign in anew. */
export function createRowFile(file: string): RowKeeper {
  return {
    load() {
      try {
        const contents = Contents.safeParse(JSON.parse(readFileSync(file, 'utf8')));
        return contents.success ? contents.data.rows : [];
      } catch {
        // Not there yet, or damaged: this is for practice.
        return [];
      }
    },
    save(rows) {
      // Replaced in one step: a process that is killed meanwhile leaves the old one.
      const next = `${file}.next`;
      writeFileSync(next, JSON.stringify({ v: 1, rows }), { mode: 0o600 });
      renameSync(next, file);
    },
  };
}
