import { createWriteStream, type WriteStream } from 'node:fs';
import type { LineSink } from './line-writer.ts';

/** A file that is appended to and can be opened anew after something else has renamed it (log rotation). */
export interface ReopenableFile extends LineSink {
  reopen(): void;
}

/** Opens a file for appending, mode 0600. A write that fails (a full disk, a folder that is gone) says so, and the next one tries again. */
export function createReopenableFile(path: string): ReopenableFile {
  const open = (): WriteStream => {
    const file = createWriteStream(path, { flags: 'a', mode: 0o600 });
    // Each failed write is reported to its own callback.
    file.on('error', () => undefined);
    return file;
  };
  let current = open();
  return {
    get writableLength() {
      return current.writableLength;
    },
    write(text, done) {
      if (current.destroyed) current = open();
      current.write(text, done);
    },
    reopen() {
      const previous = current;
      current = open();
      previous.end();
    },
  };
}
