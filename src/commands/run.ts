import { constants } from 'node:os';
import type { Command } from 'commander';
import type { Machine } from '../client/machine.ts';
import { CodedError } from '../kernel/coded-error.ts';
import type { SignedIn } from './developer.ts';
import { inOneLine } from './exit-codes.ts';
import { notes } from './help-layout.ts';
import type { Host } from './host.ts';

interface RunOptions {
  readonly gatewayUrl?: string;
  readonly direct?: boolean;
}

export function registerRun(program: Command, host: Host, machine?: Machine): void {
  program
    .command('run')
    .summary('run a command that talks to the gateway')
    .description(
      'Runs a command with ANTHROPIC_BASE_URL and ANTHROPIC_AUTH_TOKEN set. They lead through a door on this machine ' +
        'that adds the current token and renews it, for as long as the command runs.',
    )
    .argument('<command...>', 'the command and its arguments, after --')
    .option('--gateway-url <url>', 'the gateway (default: the one signed in to last)')
    .option('--direct', 'give the command the gateway and a token themselves; the token is not renewed')
    .addHelpText('after', notes(EXAMPLES))
    .action((command: string[], options: RunOptions) => run(host, command, options, machine));
}

/** Ends like the command did: a failing one throws `command_failed` with its exit code in `facts.exitCode`. */
export async function run(
  host: Host,
  [command = '', ...args]: readonly string[],
  { gatewayUrl, direct = false }: RunOptions,
  machine?: Machine,
): Promise<void> {
  const { withSession } = await import('./developer.ts');
  const exitCode = await withSession(host, machine, gatewayUrl, async (session) => {
    const door = direct ? await directDoor(session) : await forwardingDoor(session);
    try {
      return await runChild(host, command, args, childEnv(host.env, door));
    } finally {
      await door.close();
    }
  });
  if (exitCode !== 0) throw new CodedError('command_failed', { facts: { exitCode } });
}

/** What the command is given to reach the gateway. */
interface Door {
  readonly url: string;
  readonly secret: string;
  close(): Promise<void>;
}

async function directDoor({ gateway, tokenToHandOut }: SignedIn): Promise<Door> {
  return { url: gateway.origin, secret: await tokenToHandOut(), close: async () => undefined };
}

/** A session that is over, or a gateway that is unsafe, is found out before the command starts, not by it. */
async function forwardingDoor(session: SignedIn): Promise<Door> {
  const { connect, currentToken, renewedToken, tokenToHandOut } = session;
  await tokenToHandOut();
  const { startForwarder } = await import('../client/forwarder.ts');
  return startForwarder({ connect, currentToken, renewedToken, describe: inOneLine });
}

type Env = Readonly<Record<string, string | undefined>>;

/** Other credentials go, since clients would prefer them; the door must not be looked for behind a proxy. */
export function childEnv(
  env: Env,
  { url, secret }: Pick<Door, 'url' | 'secret'>,
): Record<string, string | undefined> {
  const { ANTHROPIC_API_KEY: _key, ...rest } = env;
  const isLocal = new URL(url).hostname === '127.0.0.1';
  const exempt = [env['no_proxy'] || env['NO_PROXY'], '127.0.0.1'].filter(Boolean).join(',');
  return {
    ...rest,
    ...(isLocal ? { NO_PROXY: exempt, no_proxy: exempt } : {}),
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_AUTH_TOKEN: secret,
  };
}

const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** Runs the command on this process's own terminal and resolves to its exit code, 128 + n for signal n. */
async function runChild(
  host: Host,
  command: string,
  args: readonly string[],
  env: Record<string, string | undefined>,
): Promise<number> {
  const { spawn } = await import('node:child_process');
  const child = spawn(command, args, { stdio: 'inherit', env });
  // Ctrl-C on a terminal reaches the command by itself; passing it on would make it two.
  const interrupt = () => host.isInteractive || child.kill('SIGINT');
  const stopListening = [
    host.onSignal('SIGINT', interrupt),
    host.onSignal('SIGTERM', () => child.kill('SIGTERM')),
    host.onSignal('SIGHUP', () => child.kill('SIGHUP')),
  ];
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(notStarted(command, error)));
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  } finally {
    for (const stop of stopListening) stop();
  }
}

function notStarted(command: string, cause: Error): CodedError {
  const isMissing = 'code' in cause && cause.code === 'ENOENT';
  return new CodedError('command_failed', {
    detail: isMissing ? `There is no command ${command}` : `${command} cannot be run`,
    facts: { exitCode: isMissing ? NOT_FOUND : NOT_EXECUTABLE },
    cause,
  });
}

const EXAMPLES = `
Ends with the exit code of the command; 127 when there is no such command, 126 when it cannot be run.

Example:
  $ sallyport run -- claude -p "What changed in this repository today?"`;
