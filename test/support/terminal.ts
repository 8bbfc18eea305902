import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { INHERITED_ENV, transcript } from './gateway-process.ts';

const cli = fileURLToPath(new URL('../../bin/cli.js', import.meta.url));

/** Whether this machine has the `script` of util-linux, which makes a terminal. */
export const hasTerminal = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout);

/** The command line as a person sees and uses it. */
export interface Terminal {
  /** Everything shown so far, without colours. */
  text(): string;
  /** Everything the terminal was sent so far, with colours and movements of the cursor. */
  raw(): string;
  /** Resolves with the first match, past or future; rejects when the program ends without it. */
  shows(pattern: RegExp): Promise<RegExpExecArray>;
  /** Presses keys. */
  type(keys: string): void;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  /** Ends it if it has not ended yet. */
  close(): void;
}

export const ENTER = '\r';
export const CTRL_C = '\u0003';
export const CTRL_D = '\u0004';

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  /** What follows the command in the shell, as `> file` does. */
  readonly redirect?: string;
}

export function startInTerminal(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { columns = 120, rows = 40, redirect = '' }: TerminalOptions = {},
): Terminal {
  const command = `exec ${[process.execPath, cli, ...args].map(quoted).join(' ')} ${redirect}`;
  const child = spawn(
    'script',
    [
      '--quiet',
      '--return',
      '--flush',
      '--command',
      `stty cols ${columns} rows ${rows}; ${command}`,
      '/dev/null',
    ],
    {
      env: {
        ...INHERITED_ENV,
        HOME: tmpdir(),
        TERM: 'xterm-256color',
        SHELL: '/bin/sh',
        ...env,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  let shown = '';
  const waiting = new Set<() => void>();
  const wake = () => waiting.forEach((look) => void look());
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    shown += piece;
    wake();
  });
  child.stdin.on('error', () => undefined);
  const text = () => stripVTControlCharacters(shown).replaceAll('\r\n', '\n');
  const ended = once(child, 'close').then(() => {
    transcript.push(text());
    wake();
    return child.exitCode;
  });
  const isOver = () => child.exitCode !== null || child.signalCode !== null;
  return {
    text,
    raw: () => shown,
    shows: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(text());
          if (!match && !isOver()) return;
          waiting.delete(look);
          if (match) resolve(match);
          else reject(new Error(`ended without showing ${pattern}:\n${text().slice(-2_000)}`));
        };
        waiting.add(look);
        look();
      }),
    type: (keys) => void child.stdin.write(keys),
    ended,
    close: () => void (isOver() || child.kill('SIGKILL')),
  };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
