import { homedir } from 'node:os';
import { systemClock } from '../kernel/clock.ts';
import { CodedError } from '../kernel/coded-error.ts';
import type { GlobalOptions, Host } from './host.ts';
import { createColour, isDumb, wantsColour } from './terminal-colour.ts';
import { confirmInLine, confirmInPlace } from './terminal-prompt.ts';
import { startSpinner } from './terminal-spinner.ts';

/** The machine this process runs on. Prompts, spinner and colours are loaded when first used and stay off without a terminal. */
export function createSystemHost(options: GlobalOptions & { readonly colour: boolean }): Host {
  const stdoutIsTerminal = process.stdout.isTTY === true;
  const stderrIsTerminal = process.stderr.isTTY === true;
  const isInteractive = process.stdin.isTTY === true && stderrIsTerminal;
  const interruption = lazily(interruptedSignal);
  const isColoured = wantsColour({
    isAllowed: options.colour,
    isTerminal: stdoutIsTerminal && stderrIsTerminal,
    env: process.env,
  });
  // What cannot move the cursor, has no width or is kept as a log gets whole lines.
  const canRedraw =
    stderrIsTerminal && process.stderr.columns > 0 && !isDumb(process.env) && !process.env['CI'];
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
    colour: createColour(isColoured),
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
      const prompt = { question, fallback, isColoured, signal: interruption() };
      const { stdin: input, stderr: output } = process;
      return canRedraw ? confirmInPlace(prompt, { input, output }) : confirmInLine(prompt, { input, output });
    },
    progress: (text) =>
      canRedraw
        ? startSpinner(text, process.stderr, isColoured)
        : { update: () => undefined, stop: () => undefined },
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

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
