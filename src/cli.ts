import { Command, CommanderError } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { registerAsk } from './commands/ask.ts';
import { systemReason } from './commands/config-file-edit.ts';
import { registerConfig } from './commands/config-validate.ts';
import { registerEnv } from './commands/env.ts';
import { endingFor } from './commands/exit-codes.ts';
import { registerGateway } from './commands/gateway.ts';
import { EXIT_CODES, helpColumns, helpLayout, notes } from './commands/help-layout.ts';
import type { Host } from './commands/host.ts';
import { registerLogin } from './commands/login.ts';
import { registerLogout } from './commands/logout.ts';
import { registerModels } from './commands/models.ts';
import { registerRotateSecret } from './commands/rotate-secret.ts';
import { registerRun } from './commands/run.ts';
import { registerSchema } from './commands/schema.ts';
import { registerSettings } from './commands/settings.ts';
import { registerStatus } from './commands/status.ts';
import { createSystemHost } from './commands/system-host.ts';
import { registerToken } from './commands/token.ts';
import { usageSentence, withCommandName } from './commands/usage-error.ts';
import { CodedError, isCodedError } from './kernel/coded-error.ts';

const USAGE = 2;

/** Runs the program on this process and ends it with the exit code of `commands/exit-codes.ts`. */
export async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  const host = createSystemHost({
    json: own.includes('--json'),
    debug: own.includes('--debug'),
    colour: !own.includes('--no-color'),
  });
  process.stdout.on('error', (error) => endWithoutOutput(error, host));
  process.stderr.on('error', () => undefined);
  const code = await run(createProgram(host), host, args);
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(code);
}

/** All commands. The heavy parts of each are loaded when it runs, so that `--help` is quick. */
export function createProgram(host: Host): Command {
  const program = new Command('sallyport')
    .description(
      'A self-hosted gateway between developers who use Claude clients and the providers that serve Claude.',
    )
    .version(manifest.version, '-V, --version', 'print the version')
    .option('--json', 'print results as JSON where they are data')
    .option('--debug', 'print stack traces and, without secrets, HTTP lines')
    .option('--no-color', 'print without colours (also: NO_COLOR)')
    .helpOption('-h, --help', 'show what a command does, with an example')
    .helpCommand(false)
    .addHelpText('after', EXAMPLES)
    .addHelpText('afterAll', notes(EXIT_CODES))
    .configureHelp(helpLayout)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      // What is wrong with a command line is said below, in one sentence.
      writeErr: () => undefined,
      getOutHelpWidth: () => helpColumns(process.stdout.columns),
    });

  program.commandsGroup('Developer:');
  registerLogin(program, host);
  registerAsk(program, host);
  registerModels(program, host);
  registerSettings(program, host);
  registerStatus(program, host);
  registerToken(program, host);
  registerEnv(program, host);
  registerRun(program, host);
  registerLogout(program, host);

  program.commandsGroup('Operator:');
  registerGateway(program, host, manifest.version);
  registerConfig(program, host);
  registerSchema(program, host);
  registerRotateSecret(program, host);
  return program;
}

const EXAMPLES = `
Try it on this machine:
  $ sallyport gateway --dev
  $ sallyport login --gateway-url http://127.0.0.1:8080
  $ sallyport ask "hello"`;

async function run(program: Command, host: Host, args: readonly string[]): Promise<number> {
  try {
    if (args.length === 0) {
      program.outputHelp();
      return 0;
    }
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (isCodedError(error, 'bad_usage')) return report(withCommandName(error, program, args), host);
    if (!(error instanceof CommanderError)) return report(error, host);
    const sentence = usageSentence(error, program, args);
    if (sentence) host.stderr.write(`${host.colour.red('Error:')} ${sentence}\n`);
    return error.exitCode === 0 ? 0 : USAGE;
  }
}

/** Says on stderr what went wrong and what to do. */
function report(error: unknown, host: Host): number {
  const { exitCode, sentence, hint } = endingFor(error);
  if (host.options.debug && error instanceof Error && !isCodedError(error, 'command_failed')) {
    host.stderr.write(`${host.colour.dim(error.stack ?? error.message)}\n`);
  }
  if (sentence) host.stderr.write(`${host.colour.red('Error:')} ${sentence}\n`);
  if (hint) host.stderr.write(`${hint}\n`);
  return exitCode;
}

/**
 * Ends the process when its output cannot be written. Whoever read it may have seen enough (`sallyport models | head -1`):
 * that is no failure. A gateway that writes its audit there goes on.
 */
function endWithoutOutput(error: NodeJS.ErrnoException, host: Host): void {
  if (process.stdout.listenerCount('error') > 1) return;
  if (error.code === 'EPIPE') process.exit(0);
  const reason = systemReason(error) ?? error.code ?? 'for an unknown reason';
  const detail = `The output could not be written: ${reason}. What was written is incomplete`;
  process.exit(report(new CodedError('command_failed', { detail, cause: error }), host));
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writable) resolve();
    else stream.write('', () => resolve());
  });
}
