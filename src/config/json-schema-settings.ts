import { settingsKeys } from './settings.ts';

type Json = Readonly<Record<string, unknown>>;

/** What is said of a key that only clients know. */
export const OTHER_SETTING = 'A setting of Claude Code, handed on as it is.';
export const MACHINE_SETTING =
  "A setting that Claude Code reads from the machine's own files only; it is not handed on.";
export const DESKTOP_KEY = 'A key of Claude Desktop, handed on as it is.';

const DOCUMENT_NAMES = ['cli', 'settings', 'code'];

/**
 * Moves the settings document, which a policy can hold under three names, and the desktop block to one place. Settings keys
 * that nobody knows are refused as the loader refuses them: unless `managed.unknown_keys` is `warn`.
 */
export function shareDocuments(schema: Json): {
  readonly schema: Json;
  readonly settings: Json;
  readonly desktop: Json;
} {
  const policy = at(schema, 'properties', 'managed', 'properties', 'policies', 'items', 'properties');
  const settings = explained(at(policy, 'cli'), (key) =>
    settingsKeys.get(key)?.deviceOnly ? MACHINE_SETTING : OTHER_SETTING,
  );
  const desktop = explained(at(policy, 'desktop'), () => DESKTOP_KEY);
  const referring = (name: string, definition: string) => {
    const { title, description } = at(policy, name);
    return [name, { title, description, $ref: `#/$defs/${definition}` }] as const;
  };
  const managed = at(schema, 'properties', 'managed');
  const shared = replaced(managed, ['properties', 'policies', 'items', 'properties'], {
    ...policy,
    ...Object.fromEntries(DOCUMENT_NAMES.map((name) => referring(name, 'settings'))),
    ...Object.fromEntries([referring('desktop', 'desktop')]),
  });
  const properties = {
    ...at(schema, 'properties'),
    managed: { ...shared, ...unlessWarn(Object.keys(at(settings, 'properties'))) },
  };
  return { schema: { ...schema, properties }, settings, desktop };
}

/** Every key with a title, a description and, where that goes without saying, examples. */
function explained({ title, description, ...document }: Json, descriptionOf: (key: string) => string): Json {
  const properties = Object.entries(at(document, 'properties')).map(([key, value]) => {
    const member = asObject(value);
    const isDescribed = member['title'] !== undefined;
    const own = { title: words(key), description: descriptionOf(key), ...exampleOf(member), ...member };
    return [key, isDescribed ? member : own] as const;
  });
  return { title, description, ...document, properties: Object.fromEntries(properties) };
}

/** Words and booleans are their own examples. A variable may stand for them, so they are in the first of two branches. */
function exampleOf(member: Json): Json {
  const { enum: choices, type } = Array.isArray(member['anyOf']) ? asObject(member['anyOf'][0]) : member;
  if (Array.isArray(choices)) return { examples: choices };
  return type === 'boolean' ? { examples: [true, false] } : {};
}

function unlessWarn(known: readonly string[]): Json {
  const closed = { propertyNames: { enum: known } };
  const documents = Object.fromEntries(DOCUMENT_NAMES.map((name) => [name, closed]));
  return {
    if: { properties: { unknown_keys: { const: 'warn' } }, required: ['unknown_keys'] },
    else: { properties: { policies: { items: { properties: documents } } } },
  };
}

/** `askUserQuestionTimeout` as `Ask user question timeout`. */
export function words(key: string): string {
  const spaced = key.replace(/(?<=[a-z\d])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

function replaced(schema: Json, [step, ...rest]: readonly string[], value: Json): Json {
  if (step === undefined) return value;
  return { ...schema, [step]: replaced(at(schema, step), rest, value) };
}

function at(schema: Json, ...path: readonly string[]): Json {
  return path.reduce<Json>((found, step) => asObject(found[step]), schema);
}

function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
