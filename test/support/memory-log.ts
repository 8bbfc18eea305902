import type { Log, LogLevel } from '../../src/kernel/log.ts';

/** Keeps what is logged, as `level message`. */
export interface MemoryLog extends Log {
  readonly lines: readonly string[];
  /** Resolves with the first line, past or future, that matches. */
  line(pattern: RegExp): Promise<string>;
}

export function createMemoryLog(): MemoryLog {
  const lines: string[] = [];
  let waiting: { readonly pattern: RegExp; tell(line: string): void }[] = [];
  const write = (level: LogLevel) => (message: string) => {
    const line = `${level} ${message}`;
    lines.push(line);
    const told = waiting.filter(({ pattern }) => pattern.test(line));
    waiting = waiting.filter((other) => !told.includes(other));
    for (const { tell } of told) tell(line);
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    isEnabled: () => true,
    lines,
    async line(pattern) {
      const found = lines.find((line) => pattern.test(line));
      if (found !== undefined) return found;
      return new Promise((tell) => waiting.push({ pattern, tell }));
    },
  };
}
