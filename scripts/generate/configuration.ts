import { gatewayJsonSchema } from '../../src/config/json-schema.ts';
import { DESKTOP_KEY, MACHINE_SETTING, OTHER_SETTING } from '../../src/config/json-schema-settings.ts';
import { code, generatedFrom, table } from './markdown.ts';

type Schema = Readonly<Record<string, unknown>>;

interface Key {
  readonly path: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
}

/** `docs/configuration.md`: every key of gateway.yaml, from the shapes that the loader reads it by. */
export function configurationPage(): string {
  const root = resolved(gatewayJsonSchema() as Schema);
  const sections = membersOf(root, '');
  const plain = sections.filter(({ schema }) => keysUnder(schema).length === 0);
  const grouped = sections.filter((section) => !plain.includes(section));
  return `${generatedFrom('src/config/')}

# Configuration

${INTRODUCTION}
## Sections

${sections.map(({ path, schema }) => `- [\`${path}\`](#${plain.some((key) => key.path === path) ? 'single-keys' : path}): ${sentence(schema)}`).join('\n')}

${grouped.map(section).join('\n\n')}

## Single keys

${keyTable(plain)}
`;
}

function section(key: Key): string {
  const { path, schema, isRequired } = key;
  const text = `${sentence(schema)}${isRequired ? ' Required.' : ''}`;
  const note = KEYS_OF_CLIENTS.map(([description, sentence]) => {
    const names = [...new Set(keysDescribedAs(description, schema))];
    return names.length === 0 ? '' : `\n\n${sentence}: ${names.map(code).join(', ')}.`;
  }).join('');
  const { shared, branches } = choiceOf(itemsOf(schema));
  const common = withMembers(key, { ...objectAt(itemsOf(schema), 'properties'), ...shared });
  const choices = branches.map(
    ({ by, own, required, description }) =>
      `\n\n### ${path}: ${by}\n\n${String(description)} Beside the keys above:\n\n${keyTable(descendants(withMembers(key, own, required)))}`,
  );
  return `## ${path}\n\n${text}\n\n${keyTable(descendants(branches.length > 0 ? common : key))}${choices.join('')}${note}`;
}

interface Branch {
  /** The word that chooses it. */
  readonly by: string;
  readonly description: unknown;
  readonly own: Schema;
  readonly required: unknown;
}

/**
 * A section whose keys depend on a word, a condition per word in its schema: the keys that are alike in most branches, and
 * for each branch what it has besides or differently.
 */
function choiceOf(schema: Schema): { readonly shared: Schema; readonly branches: readonly Branch[] } {
  const conditions = (Array.isArray(schema['allOf']) ? schema['allOf'] : []) as readonly Schema[];
  const members = conditions.map((condition) => objectAt(objectAt(condition, 'then'), 'properties'));
  const [first = {}, ...rest] = members;
  const [word = ''] = Object.keys(objectAt(schema, 'properties'));
  const shared = Object.entries(first).filter(
    ([key, member]) =>
      rest.every((other) => key in other) && rest.some((other) => textOf(other[key]) === textOf(member)),
  );
  const isShared = (key: string, member: unknown) =>
    key === word || shared.some(([name, known]) => name === key && textOf(known) === textOf(member));
  const branches = conditions.map((condition, index): Branch => {
    const own = Object.entries(members[index] ?? {}).filter(([key, member]) => !isShared(key, member));
    const { description, required } = objectAt(condition, 'then');
    const [chosen] = objectAt(objectAt(objectAt(condition, 'if'), 'properties'), word)['enum'] as string[];
    return { by: String(chosen), description, own: Object.fromEntries(own), required };
  });
  // What differs by branch is no default of all.
  const common = shared.map(([key, member]) => {
    const isSame = rest.every((other) => JSON.stringify(other[key]) === JSON.stringify(member));
    const { default: _, ...others } = member as Schema;
    return [key, isSame ? member : others] as const;
  });
  return { shared: Object.fromEntries(common), branches };
}

/** A key's schema but for its default. */
function textOf(schema: unknown): string {
  const { default: _, ...others } = (schema ?? {}) as Schema;
  return JSON.stringify(others);
}

/** The key with other members; which of them it needs may be given. */
function withMembers(key: Key, properties: Schema, required?: unknown): Key {
  const { properties: _, ...items } = itemsOf(key.schema);
  const own = { ...items, properties, ...(required === undefined ? {} : { required }) };
  return { ...key, schema: isList(key.schema) ? { ...key.schema, items: own } : own };
}

function keyTable(keys: readonly Key[]): string {
  return table(
    ['key', 'type', 'default', 'meaning', 'example'],
    keys.map(({ path, schema, isRequired }) => [
      code(path),
      typeOf(schema),
      isRequired ? '**required**' : defaultOf(schema),
      String(schema['description'] ?? ''),
      exampleOf(schema),
    ]),
  );
}

/** Every key below, depth first; keys of the same shape as a sibling before them are told of once. */
function descendants({ path, schema }: Key): readonly Key[] {
  const seen = new Map<string, string>();
  return membersOf(itemsOf(schema), path + (isList(schema) ? '[]' : ''))
    .filter(({ schema: member }) => !KEYS_OF_CLIENTS.some(([text]) => member['description'] === text))
    .flatMap((key) => {
      const below = descendants(key);
      const shape = JSON.stringify(itemsOf(key.schema)['properties']);
      const twin = below.length > 0 ? seen.get(shape) : undefined;
      if (twin !== undefined) return [{ ...key, schema: { ...key.schema, description: asTwin(key, twin) } }];
      seen.set(shape, key.path);
      return [key, ...below];
    });
}

/** Keys that only clients know have no row of their own. */
const KEYS_OF_CLIENTS = [
  [OTHER_SETTING, 'Further settings of Claude Code that may stand there, and are handed on as they are'],
  [
    MACHINE_SETTING,
    "Settings that Claude Code reads from the machine's own files only: they are warned of and not handed on",
  ],
  [DESKTOP_KEY, 'Keys of `desktop`, handed on as they are'],
] as const;

function keysDescribedAs(description: string, schema: Schema): readonly string[] {
  return Object.entries(objectAt(itemsOf(schema), 'properties')).flatMap(([name, member]) =>
    (member as Schema)['description'] === description
      ? [name]
      : keysDescribedAs(description, member as Schema),
  );
}

/** The schema with everything in place that it refers to. */
function resolved(root: Schema): Schema {
  const definitions = objectAt(root, '$defs');
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== 'object' || value === null) return value;
    const { $ref, ...own } = value as Schema;
    const document = /^#\/\$defs\/(settings|desktop)$/.exec(String($ref))?.[1];
    const target = document === undefined ? {} : objectAt(definitions, document);
    const kept = typeof $ref === 'string' && document === undefined ? { $ref } : {};
    const entries = Object.entries({ ...target, ...own, ...kept });
    return Object.fromEntries(entries.map(([key, member]) => [key, visit(member)]));
  };
  const { $defs: _, ...schema } = root;
  return visit(schema) as Schema;
}

function asTwin({ schema }: Key, twin: string): string {
  return `${sentence(schema)} The same keys as \`${twin}\`.`;
}

function membersOf(schema: Schema, prefix: string): readonly Key[] {
  const required = new Set(Array.isArray(schema['required']) ? schema['required'] : []);
  return Object.entries(objectAt(schema, 'properties')).map(([name, member]) => ({
    path: prefix === '' ? name : `${prefix}.${name}`,
    schema: member as Schema,
    isRequired: required.has(name),
  }));
}

function keysUnder(schema: Schema): readonly string[] {
  return Object.keys(objectAt(itemsOf(schema), 'properties'));
}

function itemsOf(schema: Schema): Schema {
  return isList(schema) ? objectAt(schema, 'items') : schema;
}

function isList(schema: Schema): boolean {
  return schema['type'] === 'array';
}

function objectAt(schema: Schema, key: string): Schema {
  const value = schema[key];
  return typeof value === 'object' && value !== null ? (value as Schema) : {};
}

function sentence({ description }: Schema): string {
  return String(description ?? '');
}

function typeOf(schema: Schema): string {
  const { anyOf, type, writeOnly } = schema;
  if (Array.isArray(anyOf)) {
    const kinds = anyOf.filter((branch) => !('$ref' in branch)).map(typeOf);
    return [...new Set(kinds)].join(' or ');
  }
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => code(String(value))).join(', ');
  if ('const' in schema) return code(String(schema['const']));
  if (type === 'array') return `list of ${plural(typeOf(objectAt(schema, 'items')))}`;
  if (type === 'object') return 'properties' in schema ? 'section' : 'map';
  if (Array.isArray(type)) return type.join(' or ');
  const range = rangeOf(schema);
  return `${writeOnly ? 'secret ' : ''}${type}${range ? ` ${range}` : ''}`;
}

function plural(type: string): string {
  return type.replace(/^(secret string|string|section|integer|number)$/, '$1s');
}

function rangeOf({ minimum, maximum, exclusiveMinimum }: Schema): string {
  const most = maximum === undefined ? '' : ` to ${maximum}`;
  if (exclusiveMinimum !== undefined) return `above ${exclusiveMinimum}${most && `, up${most}`}`;
  return minimum === undefined ? '' : `${minimum}${most}`;
}

function defaultOf({ default: value }: Schema): string {
  return value === undefined || isEmptyMap(value) ? '' : code(inYaml(value));
}

function isEmptyMap(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
  );
}

function exampleOf({ examples }: Schema): string {
  return Array.isArray(examples) && examples.length > 0 ? code(inYaml(examples[0])) : '';
}

/** In YAML's own short form, where JSON has quotes that nobody writes. */
function inYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inYaml).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([key, member]) => `${key}: ${inYaml(member)}`);
    return `{ ${members.join(', ')} }`;
  }
  return String(value);
}

const INTRODUCTION = `One YAML file. \`sallyport config validate gateway.yaml\` names every mistake in it at once, with line and column, and
\`sallyport schema --out .\` writes the JSON Schema with which editors complete and explain it
([schemas/gateway.schema.json](../schemas/gateway.schema.json)). A first file is in the [README](../README.md#a-first-real-deployment).

- Unknown keys are errors at every level. Nothing is applied unless everything is valid. The file is read when the gateway
  starts; SIGHUP puts changed policies and models in force ([operations.md](operations.md#starting)).
- \`\${NAME}\` in any string is replaced by the environment variable, which must be set; numbers and booleans may come from variables as
  well. \`$\${\` stands for a literal \`\${\`.
- \`\${file:/absolute/path}\` as a whole value is replaced by the content of the file, without surrounding blanks.
- What comes in this way is text and never changes the structure of the file.
- The types below are what a value is after that. A secret is never printed.
`;
