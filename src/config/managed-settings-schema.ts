import { gatewayJsonSchema } from './json-schema.ts';
import { words } from './json-schema-settings.ts';
import { settingsKeys } from './settings.ts';
import type { ValueSchema } from './value-schema.ts';

type Json = Readonly<Record<string, unknown>>;

/** JSON Schema (draft 2020-12) of the settings that a policy hands to Claude Code: what the loader holds them against. */
export function managedSettingsSchema(): object {
  const gateway: { readonly $defs?: { readonly settings?: { readonly properties?: Json } } } =
    gatewayJsonSchema();
  const described = gateway.$defs?.settings?.properties ?? {};
  const properties = [...settingsKeys].map(([key, { schema = {} }]) => {
    const { title, description, examples } = asObject(described[key]);
    return [key, { title, description, ...(examples ? { examples } : {}), ...titled(schema) }] as const;
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Managed settings',
    description:
      'Settings of Claude Code as a policy of gateway.yaml holds them and clients receive them. Later versions of Claude Code may know further keys.',
    type: 'object',
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  };
}

/** The schema with a title for every key within. */
function titled({ properties, items, additionalProperties, oneOf, ...own }: ValueSchema): Json {
  const titledKeys = Object.entries(properties ?? {}).map(
    ([key, schema]) => [key, { title: words(key), ...titled(schema) }] as const,
  );
  const others =
    typeof additionalProperties === 'object' ? titled(additionalProperties) : additionalProperties;
  return {
    ...own,
    ...(properties ? { properties: Object.fromEntries(titledKeys) } : {}),
    ...(items ? { items: titled(items) } : {}),
    ...(others === undefined ? {} : { additionalProperties: others }),
    ...(oneOf ? { oneOf: oneOf.map(titled) } : {}),
  };
}

function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
