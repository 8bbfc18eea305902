import { createWriteStream, type WriteStream } from 'node:fs';
import { Writable } from 'node:stream';

/** A file that is appended to and can be opened anew after something else has renamed it (log rotation). */
export interface ReopenableFile extends Writable {
  reopen(): void;
}

/** Opens a file for appending, mode 0600. Errors of the file are errors of the stream; opening anew may end them. */
export function createReopenableFile(path: string): ReopenableFile {
  const open = (): WriteStream => {
    const file = createWriteStream(path, { flags: 'a', mode: 0o600 });
    // Each failed write is reported to its own callback.
    file.on('error', () => undefined);
    return file;
  };
  let current = open();
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk, encoding, done) => void current.write(chunk, encoding, done),
    final: (done) => void current.end(done),
  });
  return Object.assign(stream, {
    reopen() {
      const previous = current;
      current = open();
      previous.end();
    },
  });
}
