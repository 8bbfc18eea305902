import type { Command } from 'commander';
import { notes } from './help-layout.ts';
import type { Host } from './host.ts';
import type { RotateOptions } from './rotate-secret-options.ts';

export function registerRotateSecret(program: Command, host: Host): void {
  program
    .command('rotate-secret')
    .summary('replace the secret that signs sessions, without ending any')
    .description(
      'Puts a new secret first in session.jwt_secret and keeps the old ones, so that no session ends; --finish removes those later.',
    )
    .option('--config <file>', 'the configuration to edit', 'gateway.yaml')
    .option(
      '--finish',
      'remove the old secrets; refuses before session.ttl_hours plus 10 minutes have passed',
    )
    .option('--force', 'with --finish: neither refuse nor ask')
    .option('--yes', 'with --finish: do not ask about sessions that have not renewed')
    .option('--now', 'replace the secret outright: every session ends')
    .option('--dry-run', 'show what would change, secrets masked, and change nothing')
    .option('--print', 'only print a new secret')
    .addHelpText('after', notes(EXAMPLES))
    .action(async (options: RotateOptions) => {
      const { rotateSecret } = await import('./rotate-secret-run.ts');
      await rotateSecret(host, options);
    });
}

const EXAMPLES = `
Where the first entry is a plain text, the new one stands in the file as well. Where it is \${file:/path}, the new secret goes into /path.<date>. Where it is \${NAME}, the new entry is \${NAME_<date>} and the value is printed once. The file as it was stays beside it as <file>.bak. Restart the gateways after each step: they read the file when they start.

Without a terminal, --finish needs --yes when sessions would have to sign in again.

Examples:
  $ sallyport rotate-secret --config gateway.yaml
  $ sallyport rotate-secret --config gateway.yaml --finish
  $ sallyport rotate-secret --print`;
