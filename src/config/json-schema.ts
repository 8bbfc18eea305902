// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { gatewayConfigShape } from './gateway-config.ts';
import { chosenBy } from './json-schema-choice.ts';
import { shareDocuments } from './json-schema-settings.ts';

type Json = Readonly<Record<string, unknown>>;

const VARIABLE = { $ref: '#/$defs/variable' };
const ANNOTATIONS = ['title', 'description', 'default', 'examples', 'writeOnly'];

/** JSON Schema (draft 2020-12) of gateway.yaml, for editors: what the loader accepts, before relations between keys are checked. */
export function gatewayJsonSchema(): object {
  const { $schema, ...converted } = z.toJSONSchema(gatewayConfigShape, {
    io: 'input',
    target: 'draft-2020-12',
    override: ({ zodSchema, jsonSchema }) => annotate(zodSchema, jsonSchema),
  });
  const { schema, settings, desktop } = shareDocuments(withVariables(withProviders(converted)));
  return { $schema, ...schema, $defs: { settings, desktop, variable } };
}

const variable = {
  title: 'Variable',
  description: 'The value of an environment variable, or the text of a file.',
  type: 'string',
  pattern: '\\$\\{[^}]+\\}',
  examples: ['${PORT}', '${file:/run/secrets/name}'],
};

/** The keys of an upstream are those of its provider. */
function withProviders({ properties, ...schema }: z.core.JSONSchema.BaseSchema): Json {
  const sections = Object.entries(properties ?? {}).map(([name, section]) => {
    if (name !== 'upstreams' || !isObject(section) || !isObject(section['items'])) return [name, section];
    return [name, { ...section, items: chosenBy('provider', PROVIDER, section['items']) }];
  });
  return { ...schema, properties: Object.fromEntries(sections) };
}

const PROVIDER = { title: 'Provider', description: 'What serves the models; the other keys depend on it.' };

/** Zod leaves examples and defaults of transformed values out, because they need not be input; here they are. */
function annotate(zodSchema: z.core.$ZodType, jsonSchema: z.core.JSONSchema.BaseSchema): void {
  const { examples, secret, isLater } = z.globalRegistry.get(zodSchema) ?? {};
  if (Array.isArray(examples)) jsonSchema.examples = examples;
  else if (jsonSchema.examples === undefined) showWords(jsonSchema);
  if (secret === true) jsonSchema.writeOnly = true;
  if (isLater === true) jsonSchema.description = `${jsonSchema.description} Not used by this version.`;
  delete jsonSchema['secret'];
  delete jsonSchema['isLater'];
  const { def } = zodSchema._zod;
  if (def.type === 'default' && 'defaultValue' in def) jsonSchema.default = plain(def.defaultValue);
}

/** A value that is one of a few words is its own example. */
function showWords(jsonSchema: z.core.JSONSchema.BaseSchema): void {
  if (jsonSchema.title === undefined) return;
  if (jsonSchema.enum) jsonSchema.examples = [...jsonSchema.enum];
  if (jsonSchema.type === 'boolean') jsonSchema.examples = [true, false];
}

function plain(value: unknown): z.core.JSONSchema.BaseSchema['default'] {
  return JSON.parse(JSON.stringify(value));
}

/** Lets a variable stand for every number, boolean and word of a list; for texts the pattern of a text allows it anyway. */
function withVariables(schema: unknown): Json {
  if (!isObject(schema)) return {};
  const inner = mapSchemas(schema, withVariables);
  if (Array.isArray(inner['anyOf'])) {
    const branches: readonly unknown[] = inner['anyOf'].flatMap((branch) => flattened(branch));
    const unique = branches.filter(
      (branch, index) => branch !== VARIABLE || branches.indexOf(VARIABLE) === index,
    );
    return ordered({ ...inner, anyOf: unique });
  }
  if (!refusesVariables(inner)) return ordered(inner);
  const constraints = Object.entries(inner).filter(([key]) => !ANNOTATIONS.includes(key));
  const annotations = Object.entries(inner).filter(([key]) => ANNOTATIONS.includes(key));
  return ordered({
    ...Object.fromEntries(annotations),
    anyOf: [Object.fromEntries(constraints), VARIABLE],
  });
}

/** A choice inside a choice is one choice, unless it has something of its own to say. */
function flattened(branch: unknown): readonly unknown[] {
  if (!isObject(branch) || !Array.isArray(branch['anyOf']) || Object.keys(branch).length > 1) return [branch];
  return branch['anyOf'];
}

function refusesVariables(schema: Json): boolean {
  if ('enum' in schema || 'const' in schema) return true;
  return ['number', 'integer', 'boolean'].includes(String(schema['type']));
}

function mapSchemas(schema: Json, map: (schema: unknown) => Json): Json {
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => {
      if (key === 'properties' && isObject(value)) {
        return [key, Object.fromEntries(Object.entries(value).map(([name, sub]) => [name, map(sub)]))];
      }
      if ((key === 'anyOf' || key === 'allOf') && Array.isArray(value)) return [key, value.map(map)];
      const isSchema = key === 'items' || key === 'additionalProperties' || key === 'then';
      if (isSchema && isObject(value)) return [key, map(value)];
      return [key, value];
    }),
  );
}

/** What a reader looks for first comes first. */
function ordered(schema: Json): Json {
  const first = ANNOTATIONS.filter((key) => key in schema).map((key) => [key, schema[key]] as const);
  return { ...Object.fromEntries(first), ...schema };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
