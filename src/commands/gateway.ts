import { type Command, Option } from 'commander';
import { notes } from './help-layout.ts';
import type { Host } from './host.ts';
import type { GatewayCommandOptions } from './prepared-gateway.ts';

export function registerGateway(program: Command, host: Host, version: string): void {
  program
    .command('gateway')
    .summary('run the gateway')
    .description(
      'Runs the gateway until SIGTERM or SIGINT. Starting is fail-closed: when something is wrong, the last line on stderr names it and the fix.',
    )
    .option('--config <file>', 'gateway.yaml')
    .option('--check', 'do everything up to listening, then end with 0 or with the reason')
    .option('--workers <n|auto>', 'serve on several processes that share the port (default: 1)')
    .option('--dev', 'practice on this machine: embedded store, practice identity provider, practice model')
    .addOption(
      new Option('--data <dir>', 'with --dev: keep the store in this folder (default: a temporary one)'),
    )
    .addHelpText('after', notes(EXAMPLES))
    .action(async (options: GatewayCommandOptions) => {
      const { runGateway } = await import('./gateway-run.ts');
      await runGateway(host, options, version);
    });
}

const EXAMPLES = `
With --dev nothing needs to be configured; with --config as well, it fills in only what the file leaves out. With ANTHROPIC_API_KEY set, the Anthropic API answers instead of the practice model.

SIGTERM and SIGINT let the answers under way come to their end; a second signal does not wait for them. SIGHUP puts changed policies and models in force, and opens log files and certificates anew.

Examples:
  $ sallyport gateway --dev
  $ sallyport gateway --config gateway.yaml --check
  $ sallyport gateway --config gateway.yaml`;
