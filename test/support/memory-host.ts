import { EventEmitter } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { Command } from 'commander';
import { endingFor } from '../../src/commands/exit-codes.ts';
import type { Colour, Host } from '../../src/commands/host.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { CodedError } from '../../src/kernel/coded-error.ts';

/** A host made of memory, and what a command did with it. */
export interface MemoryHost extends Host {
  readonly questions: readonly string[];
  out(): string;
  err(): string;
  /** What Ctrl-C does to `interrupted`. */
  interrupt(): void;
  /** Calls the listeners of a signal. */
  signal(name: NodeJS.Signals): void;
}

export interface MemoryHostOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly homeDir?: string;
  readonly platform?: NodeJS.Platform;
  readonly clock?: Clock;
  /** What is piped in; without it stdin is a terminal. */
  readonly stdin?: string;
  /** Answers to questions in order; having any makes the host interactive. */
  readonly answers?: readonly (boolean | 'interrupt')[];
  readonly json?: boolean;
  readonly debug?: boolean;
  readonly stdoutIsTerminal?: boolean;
}

export function createMemoryHost(options: MemoryHostOptions = {}): MemoryHost {
  const stdout = collect();
  const stderr = collect();
  const questions: string[] = [];
  const signals = new EventEmitter();
  const answers = [...(options.answers ?? [])];
  const controller = new AbortController();
  const interrupt = () => controller.abort(new CodedError('interrupted'));
  const isInteractive = options.answers !== undefined;
  return {
    stdout: stdout.stream,
    stderr: stderr.stream,
    stdin: options.stdin === undefined ? terminal() : Readable.from([options.stdin]),
    env: options.env ?? {},
    platform: options.platform ?? 'linux',
    cwd: process.cwd(),
    homeDir: options.homeDir ?? '/nowhere',
    clock: options.clock ?? systemClock,
    isInteractive,
    stdoutIsTerminal: options.stdoutIsTerminal ?? false,
    colour: plain,
    options: { json: options.json ?? false, debug: options.debug ?? false },
    async confirm(question) {
      if (!isInteractive) throw new CodedError('bad_usage', { detail: question });
      questions.push(question);
      const answer = answers.shift();
      if (answer === 'interrupt') interrupt();
      if (answer === undefined || answer === 'interrupt') throw new CodedError('interrupted');
      return answer;
    },
    progress: () => ({ update: () => undefined, stop: () => undefined }),
    interrupted: controller.signal,
    onSignal(name, listener) {
      signals.on(name, listener);
      return () => signals.off(name, listener);
    },
    signal: (name) => void signals.emit(name),
    questions,
    out: stdout.text,
    err: stderr.text,
    interrupt,
  };
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command as the program would: parses, acts, and turns an error into its sentence and exit code. */
export async function runCommand(
  host: MemoryHost,
  register: (program: Command, host: Host) => void,
  argv: readonly string[],
): Promise<CommandResult> {
  const program = new Command('sallyport').exitOverride().option('--json').option('--debug');
  program.configureOutput({
    writeOut: (text) => host.stdout.write(text),
    writeErr: (text) => host.stderr.write(text),
  });
  register(program, host);
  const exitCode = await program.parseAsync([...argv], { from: 'user' }).then(
    () => 0,
    (error: unknown) => {
      if (isCommanderError(error)) return error.exitCode === 0 ? 0 : 2;
      if (!(error instanceof CodedError)) throw error;
      const ending = endingFor(error);
      const lines = [ending.sentence, ending.hint].filter(Boolean);
      host.stderr.write(lines.map((line) => `${line}\n`).join(''));
      return ending.exitCode;
    },
  );
  return { exitCode, stdout: host.out(), stderr: host.err() };
}

/** A clock on which nothing takes time: sleeping moves it on at once. */
export function createFastClock(startMs = 1_800_000_000_000): Clock & { advance(ms: number): void } {
  let elapsedMs = 0;
  return {
    now: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    async sleep(ms, signal) {
      // A turn of the event loop, so that real sockets make progress meanwhile.
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
      elapsedMs += ms;
    },
    advance(ms) {
      elapsedMs += ms;
    },
  };
}

function isCommanderError(error: unknown): error is Error & { readonly exitCode: number } {
  return error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number';
}

function collect() {
  const stream = new PassThrough();
  let written = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    written += text;
  });
  return { stream, text: () => written };
}

function terminal(): Readable {
  return Object.assign(new Readable({ read: () => undefined }), { isTTY: true });
}

const same = (text: string) => text;
const plain: Colour = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same };
