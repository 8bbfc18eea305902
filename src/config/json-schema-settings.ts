type Json = Readonly<Record<string, unknown>>;

const NOT_USED = 'Not used by this version.';
/** What is said of a settings key that only clients know. */
export const OTHER_SETTING = `A setting of Claude Code. ${NOT_USED}`;

const DOCUMENT_NAMES = ['cli', 'settings', 'code'];
/** What the gateway itself reads of a settings document. */
const ENFORCED = ['availableModels', 'availableModelsMatch', 'deniedModels'];

/**
 * Moves the settings document, which a policy can hold under three names, to one place. Keys that nobody knows are refused
 * as the loader refuses them: unless `managed.unknown_keys` is `warn`.
 */
export function shareSettings(schema: Json): { readonly schema: Json; readonly settings: Json } {
  const policy = at(schema, 'properties', 'managed', 'properties', 'policies', 'items', 'properties');
  const { title, description, ...settings } = at(policy, 'cli');
  const explained = Object.fromEntries(
    Object.entries(at(settings, 'properties')).map(([key, member]) => [key, explain(key, asObject(member))]),
  );
  const documents = DOCUMENT_NAMES.map((name) => {
    const { title: ownTitle, description: own } = at(policy, name);
    return [name, { title: ownTitle, description: own, $ref: '#/$defs/settings' }] as const;
  });
  const managed = at(schema, 'properties', 'managed');
  const shared = replaced(managed, ['properties', 'policies', 'items', 'properties'], {
    ...policy,
    ...Object.fromEntries(documents),
  });
  const properties = {
    ...at(schema, 'properties'),
    managed: { ...shared, ...unlessWarn(Object.keys(explained)) },
  };
  return {
    schema: { ...schema, properties },
    settings: { title, description, ...settings, properties: explained },
  };
}

function explain(key: string, member: Json): Json {
  if (member['title'] === undefined) {
    return { title: words(key), description: OTHER_SETTING, ...exampleOf(member), ...member };
  }
  if (ENFORCED.includes(key)) return member;
  return { ...member, description: `${member['description']} ${NOT_USED}` };
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
function words(key: string): string {
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
