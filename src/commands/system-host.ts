import { homedir } from 'node:os';
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { systemClock } from '../kernel/clock.ts';
import { CodedError } from '../kernel/coded-error.ts';
import type { Colour, GlobalOptions, Host, Progress } from './host.ts';

/** The machine this process runs on. Prompts, spinner and colours are loaded when first used and stay off without a terminal. */
export function createSystemHost(options: GlobalOptions & { readonly colour: boolean }): Host {
  const stdoutIsTerminal = process.stdout.isTTY === true;
  const stderrIsTerminal = process.stderr.isTTY === true;
  const isInteractive = process.stdin.isTTY === true && stderrIsTerminal;
  const interruption = lazily(interruptedSignal);
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
    platform: process.platform,
    cwd: process.cwd(),
    homeDir: homedir(),
    clock: systemClock,
    isInteractive,
    stdoutIsTerminal,
    colour: ansiColour(options.colour && !process.env['NO_COLOR'] && stdoutIsTerminal && stderrIsTerminal),
    options: { json: options.json, debug: options.debug },
    get interrupted() {
      return interruption();
    },
    onSignal(signal, listener) {
      process.on(signal, listener);
      return () => process.off(signal, listener);
    },
    async confirm(question, fallback) {
      if (!isInteractive)
        throw new CodedError('bad_usage', { detail: `${question} (no terminal to ask on)` });
      const { confirm } = await import('@inquirer/prompts');
      try {
        return await confirm(
          { message: question, default: fallback },
          { output: process.stderr, signal: interruption() },
        );
      } catch (cause) {
        throw new CodedError('interrupted', { cause });
      }
    },
    progress: (text) => startProgress(text, process.stderr, stderrIsTerminal),
  };
}

const INTERRUPTED = 130;

/** Aborts on the first SIGINT or SIGTERM; the second ends the process at once. */
function interruptedSignal(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort(new CodedError('interrupted'));
  };
  // Listeners that stay: the spinner ends the process when it finds itself alone with a signal.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, interrupt);
  return controller.signal;
}

function startProgress(text: string, stream: Writable, isTerminal: boolean): Progress {
  if (!isTerminal) return { update: () => undefined, succeed: () => undefined, stop: () => undefined };
  let latest = text;
  let isStopped = false;
  const spinner = import('ora').then(({ default: ora }) => {
    const started = ora({ text: latest, stream: stream as NodeJS.WriteStream, discardStdin: false });
    return isStopped ? started : started.start();
  });
  const withSpinner = (act: (loaded: Awaited<typeof spinner>) => void) => void spinner.then(act);
  return {
    update(next) {
      latest = next;
      withSpinner((loaded) => {
        loaded.text = next;
      });
    },
    succeed(final) {
      isStopped = true;
      withSpinner((loaded) => loaded.succeed(final));
    },
    stop() {
      isStopped = true;
      withSpinner((loaded) => loaded.stop());
    },
  };
}

function ansiColour(isEnabled: boolean): Colour {
  const paint = (style: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan') => (text: string) =>
    isEnabled ? styleText(style, text, { validateStream: false }) : text;
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    red: paint('red'),
    green: paint('green'),
    yellow: paint('yellow'),
    cyan: paint('cyan'),
  };
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
