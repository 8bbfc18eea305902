import type { Clock } from '../kernel/clock.ts';
import { escapeControl, type Log, type LogLevel } from '../kernel/log.ts';

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'text' | 'json';
  /** Takes one complete line, newline included. */
  readonly write: (line: string) => void;
}

/** The operational log: `[gateway] <timestamp> <level> <message>`, or one JSON object a line. */
export function createLog({ level, format, write }: LogOptions, clock: Clock): Log {
  const at = (lineLevel: LogLevel) => (message: string) => {
    if (RANK[lineLevel] < RANK[level]) return;
    const ts = new Date(clock.now()).toISOString();
    write(
      format === 'json'
        ? `${JSON.stringify({ ts, level: lineLevel, msg: escapeControl(message) })}\n`
        : `[gateway] ${ts} ${lineLevel} ${escapeControl(message)}\n`,
    );
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    isEnabled: (asked) => RANK[asked] >= RANK[level],
  };
}
