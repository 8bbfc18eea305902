import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../kernel/clock.ts';

/** Everything a command may touch of the machine. Tests hand in one made of memory. */
export interface Host {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdin: Readable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly cwd: string;
  readonly homeDir: string;
  readonly clock: Clock;
  /** Whether prompts may be shown: stdin and stderr are terminals. */
  readonly isInteractive: boolean;
  /** Whether stdout is a terminal; decides colour and tables' width. */
  readonly stdoutIsTerminal: boolean;
  readonly colour: Colour;
  readonly options: GlobalOptions;
  /** Asks on stderr; rejects with CodedError `bad_usage` when not interactive and `interrupted` on Ctrl-C. */
  confirm(question: string, fallback: boolean): Promise<boolean>;
  /** A line of progress on stderr that replaces itself on a terminal and is silent elsewhere, also on a terminal that cannot. */
  progress(text: string): Progress;
  /** Aborts on the first SIGINT or SIGTERM. */
  readonly interrupted: AbortSignal;
  onSignal(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): () => void;
}

export interface Progress {
  update(text: string): void;
  stop(): void;
}

export interface Colour {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

/** Flags every command has. */
export interface GlobalOptions {
  readonly json: boolean;
  readonly debug: boolean;
}
