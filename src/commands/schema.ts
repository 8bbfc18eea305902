import { writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Argument, type Command, InvalidArgumentError } from 'commander';
import { CodedError } from '../kernel/coded-error.ts';
import { makeFolder } from '../kernel/make-folder.ts';
import { systemReason } from './config-file-edit.ts';
import { notes } from './help-layout.ts';
import type { Host } from './host.ts';

const NAMES = ['gateway', 'managed-settings', 'audit-event'] as const;
const LATER = ['client-config'] as const;
type Name = (typeof NAMES | typeof LATER)[number];

export function registerSchema(program: Command, host: Host): void {
  program
    .command('schema')
    .summary('print a JSON Schema')
    .description(
      'Prints the JSON Schema (draft 2020-12) of gateway.yaml, of managed settings, or of one line of the audit log.',
    )
    .addArgument(
      new Argument('[name]', 'what to describe').choices(NAMES).default('gateway').argParser(parseName),
    )
    .option('--out <dir>', 'write <name>.schema.json there instead')
    .addHelpText('after', notes(EXAMPLES))
    .action((name: Name, { out }: { out?: string }) => printSchema(host, name, out));
}

function parseName(text: string): Name {
  const known = [...NAMES, ...LATER].find((name) => name === text);
  if (known === undefined) throw new InvalidArgumentError(`There are ${listed(NAMES)}`);
  return known;
}

/** Throws `not_built_yet` for a name that this version has no schema of, `command_failed` when the file cannot be written. */
async function printSchema(host: Host, name: Name, out: string | undefined): Promise<void> {
  const text = `${JSON.stringify(await schemaOf(name), null, 2)}\n`;
  if (out === undefined) {
    host.stdout.write(text);
    return;
  }
  const file = join(resolve(host.cwd, out), `${name}.schema.json`);
  await write(file, text);
  host.stderr.write(`Wrote ${file}\n`);
}

async function write(file: string, text: string): Promise<void> {
  try {
    makeFolder(dirname(file));
    await writeFile(file, text);
  } catch (cause) {
    const reason = systemReason(cause);
    if (reason === undefined) throw cause;
    throw new CodedError('command_failed', {
      detail: `${file} cannot be written: ${reason}; name another folder with --out`,
      cause,
    });
  }
}

async function schemaOf(name: Name): Promise<object> {
  switch (name) {
    case 'gateway':
      return (await import('../config/json-schema.ts')).gatewayJsonSchema();
    case 'managed-settings':
      return (await import('../config/managed-settings-schema.ts')).managedSettingsSchema();
    case 'audit-event':
      return (await import('../gateway/doors/audit-event-schema.ts')).auditEventSchema();
    default:
      throw new CodedError('not_built_yet', {
        detail: `The schema ${name} is not part of this version yet; there are ${listed(NAMES)}`,
      });
  }
}

function listed(names: readonly string[]): string {
  return new Intl.ListFormat('en').format(names);
}

const EXAMPLES = `
Examples:
  $ sallyport schema --out .
  $ sallyport schema audit-event

With the first, editors that speak YAML complete and explain the keys of a file that begins with
  # yaml-language-server: $schema=gateway.schema.json`;
