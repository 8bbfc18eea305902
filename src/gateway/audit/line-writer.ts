import type { Writable } from 'node:stream';

export interface LineWriter {
  write(line: string): void;
  /** Lines that could not be kept. */
  readonly lost: number;
  /** Resolves when everything written so far has reached the stream, or cannot. */
  flush(): Promise<void>;
}

/**
 * Collects lines and writes them once per tick. Bounded: while the reader is slower than `maxBufferedBytes` allows, lines
 * are dropped and counted. A broken stream never throws.
 */
export function createLineWriter(stream: Writable, maxBufferedBytes = 16 * 1024 * 1024): LineWriter {
  let pending = '';
  let isScheduled = false;
  let isBroken = false;
  let lost = 0;
  let inFlight = Promise.resolve();
  stream.on('error', () => {
    isBroken = true;
  });

  const send = (): void => {
    isScheduled = false;
    if (pending === '') return;
    const text = pending;
    pending = '';
    inFlight = new Promise((done) => {
      stream.write(text, () => done());
    });
  };

  return {
    write(line) {
      if (isBroken || stream.writableLength + pending.length > maxBufferedBytes) {
        lost += 1;
        return;
      }
      pending += line;
      if (isScheduled) return;
      isScheduled = true;
      setImmediate(send);
    },
    get lost() {
      return lost;
    },
    async flush() {
      send();
      await inFlight;
    },
  };
}
