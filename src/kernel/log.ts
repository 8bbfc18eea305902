export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** The operational log. Messages are one line each; they never hold a token, key, code, prompt or completion. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  /** Whether lines of this level are written; guard costly messages with it. */
  isEnabled(level: LogLevel): boolean;
}

/** Escapes control characters (C0, DEL, C1, line separators) so that one event stays one line and terminals stay safe. */
export function escapeControl(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
