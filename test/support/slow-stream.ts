import { Writable } from 'node:stream';

/** A stream whose reader reads only when the test says so. */
export interface SlowStream {
  readonly stream: Writable;
  /** The texts of the writes that the reader has taken, one item a write. */
  readonly writes: readonly string[];
  /** Everything the reader has taken, as lines. */
  lines(): readonly string[];
  /** Reads on, now and from now on. */
  read(): void;
  /** Fails the write that waits, and with it the stream. */
  fail(error: Error): void;
}

export function createSlowStream({ isReading = false } = {}): SlowStream {
  const writes: string[] = [];
  let waiting: { readonly text: string; done(error?: Error): void } | undefined;
  const take = (): void => {
    const taken = waiting;
    if (!taken) return;
    waiting = undefined;
    writes.push(taken.text);
    taken.done();
  };
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      waiting = { text: chunk, done };
      if (isReading) take();
    },
  });
  return {
    stream,
    writes,
    lines: () => writes.join('').split('\n').slice(0, -1),
    read() {
      isReading = true;
      take();
    },
    fail(error) {
      const failing = waiting;
      waiting = undefined;
      failing?.done(error);
    },
  };
}
