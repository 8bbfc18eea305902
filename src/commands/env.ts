import type { Command } from 'commander';
import type { Machine } from '../client/machine.ts';
import { CodedError } from '../kernel/coded-error.ts';
import { notes } from './help-layout.ts';
import type { Host } from './host.ts';

interface EnvOptions {
  readonly gatewayUrl?: string;
  readonly shell?: string;
}

export function registerEnv(program: Command, host: Host, machine?: Machine): void {
  program
    .command('env')
    .summary('print lines that point a shell at the gateway')
    .description(
      'Prints lines that set ANTHROPIC_BASE_URL and ANTHROPIC_AUTH_TOKEN. An ANTHROPIC_API_KEY that is set is unset by one ' +
        'more line: clients would send it to the gateway, with the token or instead of it.',
    )
    .option('--gateway-url <url>', 'the gateway (default: the one signed in to last)')
    .option('--shell <name>', 'sh, fish or powershell (default: the one in use)')
    .addHelpText('after', notes(EXAMPLES))
    .action((options: EnvOptions) => printEnv(host, options, machine));
}

/** Writes the lines to stdout. Throws `bad_usage` for an unknown shell, otherwise as `token` does. */
async function printEnv(host: Host, options: EnvOptions, machine?: Machine): Promise<void> {
  const shell = parseShell(options.shell) ?? shellInUse(host);
  const { withSession } = await import('./developer.ts');
  const settings = await withSession(
    host,
    machine,
    options.gatewayUrl,
    async ({ gateway, tokenToHandOut }) => [
      assignment(shell, 'ANTHROPIC_BASE_URL', gateway.origin),
      assignment(shell, 'ANTHROPIC_AUTH_TOKEN', await tokenToHandOut()),
    ],
  );
  const hasKey = Boolean(host.env['ANTHROPIC_API_KEY']);
  const lines = [...settings, ...(hasKey ? [removal(shell, 'ANTHROPIC_API_KEY')] : [])];
  host.stdout.write(`${lines.join('\n')}\n`);
  if (hasKey)
    host.stderr.write('ANTHROPIC_API_KEY is set here; the last line unsets it in favour of the token.\n');
  if (host.stdoutIsTerminal) {
    host.stderr.write(`${host.colour.dim(`To use them in this shell: ${evaluation[shell]}`)}\n`);
  }
}

const shells = ['sh', 'fish', 'powershell'] as const;
export type Shell = (typeof shells)[number];

/** Throws `bad_usage` for a shell this command does not know. */
function parseShell(name: string | undefined): Shell | undefined {
  if (name === undefined) return undefined;
  const known = shells.find((shell) => shell === name);
  if (known) return known;
  throw new CodedError('bad_usage', { detail: `--shell is one of ${shells.join(', ')}` });
}

function shellInUse({ platform, env }: Host): Shell {
  if (/(^|\/)fish$/.test(env['SHELL'] ?? '')) return 'fish';
  return platform === 'win32' && !env['SHELL'] ? 'powershell' : 'sh';
}

/** One line that sets a variable, the value quoted so that the shell takes it literally. */
export function assignment(shell: Shell, name: string, value: string): string {
  switch (shell) {
    case 'fish':
      return `set -gx ${name} '${value.replace(/[\\']/g, '\\$&')}'`;
    case 'powershell':
      return `$env:${name} = '${value.replaceAll("'", "''")}'`;
    case 'sh':
      return `export ${name}='${value.replaceAll("'", "'\\''")}'`;
  }
}

/** One line after which a variable is not set. In fish a universal one, which other shells share, stays. */
export function removal(shell: Shell, name: string): string {
  switch (shell) {
    case 'fish':
      return `set -eg ${name}`;
    case 'powershell':
      return `Remove-Item Env:${name} -ErrorAction SilentlyContinue`;
    case 'sh':
      return `unset ${name}`;
  }
}

const evaluation: Readonly<Record<Shell, string>> = {
  sh: 'eval "$(sallyport env)"',
  fish: 'sallyport env | source',
  powershell: 'sallyport env | Out-String | Invoke-Expression',
};

const EXAMPLES = `
Example:
  $ eval "$(sallyport env)"

The token in these lines ends within the hour; "sallyport run" renews it.`;
