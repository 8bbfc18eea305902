/** Where lines go. A stream of the process is one. */
export interface LineSink {
  /** How much it has taken and not written yet. */
  readonly writableLength: number;
  /** `done` hears of the failure of just this text. */
  write(text: string, done: (error?: Error | null) => void): unknown;
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

export interface LineWriter {
  /** Whether the line was kept. `onLost` is called when it was, and could not be written all the same. */
  write(line: string, onLost?: () => void): boolean;
  /** Lines that could not be kept or not be written. */
  readonly lost: number;
  /** Calls back with the reason when lines begin to be lost, and with undefined when they are written again. */
  watch(listener: (trouble: string | undefined) => void): void;
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
  const standing = createStanding();
  let pending = '';
  let pendingLines = 0;
  let pendingOnLost: (() => void)[] = [];
  let isScheduled = false;
  let lost = 0;
  let writesUnderWay = 0;
  let settled: PromiseWithResolvers<void> | undefined;
  // Each write hears of its own failure.
  sink.on?.('error', () => undefined);

  const failed = (error: Error, lines: number, onLost: readonly (() => void)[]): void => {
    lost += lines;
    for (const tell of onLost) tell();
    standing.fail(error.message);
  };

  /** A reader that has only just begun to catch up would be too slow again at once. */
  const succeeded = (): void => {
    if (sink.writableLength + pending.length <= maxBufferedBytes / 2) standing.recover();
  };

  const send = (): void => {
    isScheduled = false;
    if (pending === '') return;
    const text = pending;
    const lines = pendingLines;
    const onLost = pendingOnLost;
    pending = '';
    pendingLines = 0;
    pendingOnLost = [];
    writesUnderWay += 1;
    sink.write(text, (error) => {
      if (error) failed(error, lines, onLost);
      else succeeded();
      writesUnderWay -= 1;
      if (writesUnderWay > 0) return;
      settled?.resolve();
      settled = undefined;
    });
  };

  return {
    write(line, onLost) {
      if (sink.writableLength + pending.length > maxBufferedBytes) {
        lost += 1;
        standing.fail(`${maxBufferedBytes} bytes wait for a reader that is too slow`);
        return false;
      }
      pending += line;
      pendingLines += 1;
      if (onLost) pendingOnLost.push(onLost);
      if (!isScheduled) {
        isScheduled = true;
        setImmediate(send);
      }
      return true;
    },
    get lost() {
      return lost;
    },
    watch: standing.watch,
    async flush() {
      send();
      if (writesUnderWay === 0) return;
      settled ??= Promise.withResolvers<void>();
      const { promise } = settled;
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, flushTimeoutMs);
      await Promise.race([promise, late.promise]);
      clearTimeout(timer);
    },
  };
}

/** Whether lines are lost; whoever watches hears of changes only. */
function createStanding() {
  const listeners: ((trouble: string | undefined) => void)[] = [];
  let trouble: string | undefined;
  const change = (now: string | undefined): void => {
    trouble = now;
    for (const listener of listeners) listener(now);
  };
  return {
    watch(listener: (trouble: string | undefined) => void): void {
      listeners.push(listener);
      if (trouble !== undefined) listener(trouble);
    },
    fail(reason: string): void {
      if (trouble === undefined) change(reason);
    },
    recover(): void {
      if (trouble !== undefined) change(undefined);
    },
  };
}
