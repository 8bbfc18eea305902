import { closeSync, createWriteStream, openSync, readSync, statSync, type WriteStream } from 'node:fs';
import type { LineSink } from './line-writer.ts';

/** A file that is appended to and can be opened anew after something else has renamed it (log rotation). */
export interface ReopenableFile extends LineSink {
  reopen(): void;
}

/**
 * Opens a file for appending, mode 0600. A write that fails (a full disk, a folder that is gone) says so, and the next one
 * tries again, on a line of its own.
 */
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
      if (!current.destroyed) return current.write(text, done);
      const start = endsInLine(path) ? '\n' : '';
      current = open();
      return current.write(start + text, done);
    },
    reopen() {
      // The next write opens it.
      if (current.destroyed) return;
      const previous = current;
      current = open();
      previous.end();
    },
  };
}

const LF = 0x0a;

/** Whether the last write got only part of its last line into the file. */
function endsInLine(path: string): boolean {
  let file: number | undefined;
  try {
    const { size } = statSync(path);
    // Of a device or a pipe it is 0, too.
    if (size === 0) return false;
    file = openSync(path, 'r');
    const last = Buffer.alloc(1);
    readSync(file, last, 0, 1, size - 1);
    return last[0] !== LF;
  } catch {
    // There is no such file, or not for us to read: whatever is written next finds out.
    return false;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
