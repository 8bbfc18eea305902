import type { Command } from 'commander';
import type { Model } from '../client/gateway-api.ts';
import type { Machine } from '../client/machine.ts';
import type { Host } from './host.ts';

interface ModelsOptions {
  readonly gatewayUrl?: string;
}

export function registerModels(program: Command, host: Host, machine?: Machine): void {
  program
    .command('models')
    .summary('list the models you may use')
    .description('Lists the models you may use. --json prints what the gateway answers.')
    .option('--gateway-url <url>', 'the gateway (default: the one signed in to last)')
    .addHelpText('after', '\nExample:\n  $ sallyport models')
    .action((options: ModelsOptions) => listModels(host, options, machine));
}

async function listModels(host: Host, { gatewayUrl }: ModelsOptions, machine?: Machine): Promise<void> {
  const { withSession } = await import('./developer.ts');
  await withSession(host, machine, gatewayUrl, async ({ api }) => {
    if (host.options.json) {
      host.stdout.write(`${JSON.stringify(await api.modelsJson(), null, 2)}\n`);
      return;
    }
    const models = await api.models();
    host.stdout.write(modelLines(models));
    if (models.length === 0) host.stderr.write("No model is allowed for you; ask your gateway's operator.\n");
  });
}

/** One line a model: its id and its name, in columns. */
function modelLines(models: readonly Model[]): string {
  const width = Math.max(0, ...models.map(({ id }) => id.length));
  return models.map(({ id, displayName }) => `${`${id.padEnd(width)}  ${displayName}`.trimEnd()}\n`).join('');
}
