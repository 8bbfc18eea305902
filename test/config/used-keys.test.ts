import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { gatewayJsonSchema } from '../../src/config/json-schema.ts';

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  /** Keys that depend on a word of the section. */
  readonly allOf?: readonly { readonly then: Schema }[];
}

/** Keys that are judged when the file is read and mean nothing afterwards. */
const forTheLoader = /^(?:managed\.unknown_keys|load_test_mode\..*)$/;

// Only these files may see the configuration.
const gateway = fileURLToPath(new URL('../../src/gateway/', import.meta.url));
const readers = ['start.ts', ...readdirSync(`${gateway}doors`).map((name) => `doors/${name}`)];
const source = readers.map((name) => readFileSync(`${gateway}${name}`, 'utf8')).join('\n');

const root: Schema = gatewayJsonSchema();
const isUnused = (schema: Schema) => schema.description?.endsWith(' Not used by this version.') === true;

it('a key is said to be unused exactly when the gateway does not read it', () => {
  const keys = leavesOf(root, '').filter(({ path }) => !forTheLoader.test(path));
  const isRead = (path: string) => new RegExp(`\\b${path.split('.').at(-1)}\\b`).test(source);
  const unread = keys.filter(({ path }) => !isRead(path));
  const unused = keys.filter(({ schema }) => isUnused(schema));
  expect(unused.map(({ path }) => path)).toEqual(unread.map(({ path }) => path));
  expect(unused.length).toBeGreaterThan(0);
});

it('no setting of the client is said to be unused', () => {
  for (const name of ['settings', 'desktop']) {
    const keys = Object.entries(root.$defs?.[name]?.properties ?? {});
    expect(keys.length).toBeGreaterThan(50);
    expect(keys.filter(([, schema]) => isUnused(schema))).toEqual([]);
  }
});

function leavesOf(at: Schema, prefix: string): { path: string; schema: Schema }[] {
  const own = Object.entries(at.properties ?? {}).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`;
    const inner = schema.items?.properties ? schema.items : schema;
    if (schema.$ref !== undefined) return [];
    return inner.properties ? leavesOf(inner, `${path}.`) : [{ path, schema }];
  });
  return [...own, ...(at.allOf ?? []).flatMap((branch) => leavesOf(branch.then, prefix))];
}
