/** Where lines go. A stream of the process is one. */
export interface LineSink {
  /** How much it has taken and not written yet. */
  readonly writableLength: number;
  /** `done` hears of the failure of just this text. */
  write(text: string, done: (error?: Error | null) => void): unknown;
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

export interface LineWriter {
  /** Whether the line was kept. */
  write(line: string): boolean;
  /** Lines that could not be kept or not be written. */
  readonly lost: number;
  /** Resolves when everything written so far has reached the sink, or cannot, or after the flush timeout. */
  flush(): Promise<void>;
}

/**
 * Collects lines and writes them once per tick. Bounded: while the reader is slower than `maxBufferedBytes` allows, lines
 * are dropped and counted. A broken sink never throws.
 */
export function createLineWriter(
  sink: LineSink,
  maxBufferedBytes = 16 * 1024 * 1024,
  flushTimeoutMs = 2_000,
): LineWriter {
  let pending = '';
  let pendingLines = 0;
  let isScheduled = false;
  let lost = 0;
  let inFlight: Promise<unknown> = Promise.resolve();
  // Each write hears of its own failure.
  sink.on?.('error', () => undefined);

  const send = (): void => {
    isScheduled = false;
    if (pending === '') return;
    const text = pending;
    const lines = pendingLines;
    pending = '';
    pendingLines = 0;
    const written = new Promise<void>((resolve) => {
      sink.write(text, (error) => {
        if (error) lost += lines;
        resolve();
      });
    });
    inFlight = Promise.all([inFlight, written]);
  };

  return {
    write(line) {
      if (sink.writableLength + pending.length > maxBufferedBytes) {
        lost += 1;
        return false;
      }
      pending += line;
      pendingLines += 1;
      if (!isScheduled) {
        isScheduled = true;
        setImmediate(send);
      }
      return true;
    },
    get lost() {
      return lost;
    },
    async flush() {
      send();
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, flushTimeoutMs);
      await Promise.race([inFlight, late.promise]);
      clearTimeout(timer);
    },
  };
}
