import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ownCli = fileURLToPath(new URL('../../bin/cli.js', import.meta.url));

const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env;
/** What a program under test has of our environment. */
export const INHERITED_ENV = { PATH, NODE_COMPILE_CACHE } as const;

/**
 * Everything any process of the running test file has printed. `fresh-transcript.ts` empties it before each file, and searches
 * it for secrets after.
 */
export const transcript: string[] = [];

export interface GatewayProcess {
  readonly url: string;
  readonly pid: number;
  readonly child: ChildProcess;
  /** Lines of stderr so far. */
  readonly lines: readonly string[];
  /** Audit events so far, parsed. */
  events(name?: string): Record<string, unknown>[];
  /** Resolves with the first line, past or future, that matches. */
  line(pattern: RegExp): Promise<string>;
  /** Resolves with the first audit event, past or future, that the test accepts. */
  event(name: string, accept?: (event: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
  /** SIGTERM and wait; the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface GatewayOptions {
  /** gateway.yaml as text; `--dev` is used without it. */
  readonly config?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** `bin/cli.js` of another build. */
  readonly cli?: string;
}

/** Starts a real gateway process and waits until it listens. Rejects with its last lines when it exits before. */
export async function startGatewayProcess(options: GatewayOptions = {}): Promise<GatewayProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-e2e-'));
  const args = [options.cli ?? ownCli, 'gateway', ...(options.args ?? [])];
  if (options.config !== undefined) {
    const file = join(folder, 'gateway.yaml');
    writeFileSync(file, options.config);
    args.push('--config', file);
  } else {
    args.push('--dev');
  }
  const child = spawn(process.execPath, args, {
    env: { ...INHERITED_ENV, HOME: folder, TMPDIR: tmpdir(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = followLines(child);
  const exit = once(child, 'exit').finally(() => rmSync(folder, { recursive: true, force: true }));
  exit.catch(() => undefined);

  const listening = output.line(/listening on (https?:\/\/\S+)/);
  const first = await Promise.race([listening, exit.then(() => undefined)]);
  if (first === undefined) throw new Error(`gateway did not start:\n${output.lines.slice(-15).join('\n')}`);
  const url = /listening on (https?:\/\/\S+)/.exec(first)?.[1]?.replace('0.0.0.0', '127.0.0.1') ?? '';

  return {
    url,
    pid: child.pid ?? 0,
    child,
    lines: output.lines,
    line: output.line,
    events: (name) => output.lines.flatMap(parseEvent).filter((event) => !name || event['evt'] === name),
    async event(name, accept = () => true) {
      const matches = (line: string) =>
        parseEvent(line).some((event) => event['evt'] === name && accept(event));
      const found = await output.lineWhere(matches);
      return parseEvent(found)[0] ?? {};
    },
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await exit;
      return child.exitCode;
    },
  };
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const PATIENCE_MS = 60_000;

/** Runs the command-line tool to its end; one that does not come to it is killed, and its code is null. */
export async function sallyport(
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly input?: string;
    readonly cwd?: string;
  } = {},
): Promise<CommandResult> {
  const child = startSallyport(args, options);
  child.stdin?.end(options.input ?? '');
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const giveUp = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  await once(child, 'close');
  clearTimeout(giveUp);
  transcript.push(texts.stdout, texts.stderr);
  return { code: child.exitCode, ...texts };
}

/** Starts the command-line tool and leaves it running. */
export function startSallyport(
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): ChildProcess {
  return spawn(process.execPath, [ownCli, ...args], {
    env: { ...INHERITED_ENV, HOME: tmpdir(), NO_COLOR: '1', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.cwd ? { cwd: options.cwd } : {}),
  });
}

/** Follows both output streams of a process line by line. */
export function followLines(child: ChildProcess): {
  readonly lines: string[];
  line(pattern: RegExp): Promise<string>;
  lineWhere(accept: (line: string) => boolean): Promise<string>;
} {
  const lines: string[] = [];
  const waiting = new Set<{
    accept: (line: string) => boolean;
    found: (line: string) => void;
    ended: () => void;
  }>();
  const take = (line: string): void => {
    lines.push(line);
    transcript.push(line);
    for (const wait of waiting) {
      if (!wait.accept(line)) continue;
      waiting.delete(wait);
      wait.found(line);
    }
  };
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      parts.forEach(take);
    });
  }
  child.once('close', () => {
    for (const wait of waiting) wait.ended();
  });
  const lineWhere = (accept: (line: string) => boolean): Promise<string> => {
    const past = lines.find(accept);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((found, failed) => {
      const ended = () =>
        failed(new Error(`the process ended without that line:\n${lines.slice(-15).join('\n')}`));
      waiting.add({ accept, found, ended });
    });
  };
  return { lines, lineWhere, line: (pattern) => lineWhere((line) => pattern.test(line)) };
}

function parseEvent(line: string): Record<string, unknown>[] {
  if (!line.startsWith('{')) return [];
  const parsed: unknown = JSON.parse(line);
  return typeof parsed === 'object' && parsed !== null ? [{ ...parsed }] : [];
}
