import type { Command } from 'commander';
import type { Machine } from '../client/machine.ts';
import { notes } from './help-layout.ts';
import type { Host } from './host.ts';

const GATEWAY_URL = ['--gateway-url <url>', 'the gateway (default: the one signed in to last)'] as const;

export function registerToken(program: Command, host: Host, machine?: Machine): void {
  program
    .command('token')
    .summary('print a valid access token')
    .description(
      'Prints a valid access token, renewing it when less than 5 minutes are left. While the gateway presents another ' +
        'certificate than the trusted one, nothing is printed.',
    )
    .option(...GATEWAY_URL)
    .addHelpText('after', notes(EXAMPLES))
    .action((options: { gatewayUrl?: string }) => printToken(host, options, machine));
}

/**
 * Writes the token to stdout. Throws `not_signed_in`, `session_over`, what keeps a renewal from the gateway, and what is
 * unsafe about it (`certificate_changed` and its like).
 */
async function printToken(
  host: Host,
  { gatewayUrl }: { gatewayUrl?: string },
  machine?: Machine,
): Promise<void> {
  const { withSession } = await import('./developer.ts');
  const token = await withSession(host, machine, gatewayUrl, ({ tokenToHandOut }) => tokenToHandOut());
  host.stdout.write(`${token}\n`);
}

const EXAMPLES = `
Example:
  $ curl -H "Authorization: Bearer $(sallyport token)" \\
      https://gateway.example.com/v1/models

As the credential helper of Claude Code, in its settings:
  "apiKeyHelper": "sallyport token"`;
