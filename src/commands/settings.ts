import type { Command } from 'commander';
import type { Machine } from '../client/machine.ts';
import { printable } from '../client/printable.ts';
import type { Host } from './host.ts';

interface SettingsOptions {
  readonly gatewayUrl?: string;
}

export function registerSettings(program: Command, host: Host, machine?: Machine): void {
  program
    .command('settings')
    .summary('show the managed settings you get')
    .description(
      'Shows the managed settings that the gateway gives your Claude clients, and their checksum. --json prints what the gateway answers.',
    )
    .option('--gateway-url <url>', 'the gateway (default: the one signed in to last)')
    .addHelpText('after', '\nExample:\n  $ sallyport settings')
    .action((options: SettingsOptions) => showSettings(host, options, machine));
}

/** No settings for this developer are no failure: stdout stays empty, or has `null` as JSON. */
async function showSettings(host: Host, { gatewayUrl }: SettingsOptions, machine?: Machine): Promise<void> {
  const { withSession } = await import('./developer.ts');
  await withSession(host, machine, gatewayUrl, async ({ api, gateway }) => {
    const served = await api.settings();
    if (!served) host.stderr.write(`${gateway.origin} has no managed settings for you.\n`);
    if (host.options.json) {
      host.stdout.write(`${JSON.stringify(served?.json ?? null, null, 2)}\n`);
      return;
    }
    if (!served) return;
    const rows = rowsOf(served.settings, '');
    if (rows.length === 0) host.stderr.write('Your policy sets nothing.\n');
    host.stdout.write(`${settingsLines(rows)}Checksum  ${printable(served.checksum)}\n`);
  });
}

type Row = readonly [key: string, value: string];

/** A row a value: members of objects by their path, items of a list below one another. */
function rowsOf(value: unknown, path: string): readonly Row[] {
  if (isObject(value)) {
    const members = Object.entries(value);
    if (members.length > 0 || path === '')
      return members.flatMap(([key, member]) => rowsOf(member, path === '' ? key : `${path}.${key}`));
  }
  const items = Array.isArray(value) && value.length > 0 ? value : [value];
  return items.map((item, index) => [index === 0 ? printable(path) : '', shown(item)]);
}

function shown(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const WIDEST_KEY = 48;

/** Keys and values in columns, with an empty line after them. */
function settingsLines(rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  const width = Math.min(WIDEST_KEY, Math.max(...rows.map(([key]) => key.length)));
  return `${rows.map(([key, value]) => `${key.padEnd(width)}  ${value}`.trimEnd()).join('\n')}\n\n`;
}
