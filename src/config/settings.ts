import { z } from 'zod';
import { anyText, choice, flag, listOf, text } from './fields.ts';
import type { Valid } from './read-shape.ts';
import data from './settings-keys.data.json' with { type: 'json' };
import type { Path } from './source-problem.ts';
import { checkValue, outermostShape, type ValueJudge, valueSchemaShape } from './value-schema.ts';

/** One key of Claude Code's settings; `settings-keys.data.json` holds what is known of each. */
const settingsKeyShape = z.strictObject({
  schema: valueSchemaShape.optional(),
  /** Read by a client only from the machine's own files. */
  deviceOnly: z.boolean().optional(),
});

type SettingsKey = z.output<typeof settingsKeyShape>;

export const settingsKeys: ReadonlyMap<string, SettingsKey> = new Map(
  Object.entries(z.object({ keys: z.record(z.string(), settingsKeyShape) }).parse(data).keys),
);

const rules = (title: string, description: string) =>
  listOf(z.string({ error: 'must be a rule like "Read(./.env)"' }), 'rules')
    .optional()
    .meta({ title, description, examples: [['Read(./.env)']] });

/** Every known key with its type. What is below a key is the client's business, but for what the gateway merges by. */
export const settingsShape = z
  .looseObject({
    ...Object.fromEntries(
      [...settingsKeys].map(([key, { schema }]) => [key, outermostShape(schema ?? {}).optional()]),
    ),
    env: z
      .record(z.string(), anyText().meta({ secret: true }), { error: 'must be a map from variable to value' })
      .optional()
      .meta({
        title: 'Environment',
        description: 'Environment variables of the client.',
        examples: [{ HTTPS_PROXY: 'http://proxy.corp.example.com:3128' }],
      }),
    permissions: z
      .looseObject(
        {
          allow: rules('Allow', 'Done without asking.'),
          ask: rules('Ask', 'Done after asking.'),
          deny: rules('Deny', 'Never done.'),
        },
        { error: 'must be a map with allow, ask and deny' },
      )
      .optional()
      .meta({
        title: 'Permissions',
        description: 'What the client may do without asking, after asking, never.',
        examples: [{ deny: ['Read(./.env)'] }],
      }),
    availableModels: listOf(text('a model'), 'models')
      .optional()
      .meta({
        title: 'Available models',
        description:
          'Families, version prefixes or ids; an empty list allows nothing, an absent one everything.',
        examples: [['opus', 'sonnet']],
      }),
    availableModelsMatch: choice('prefix', 'exact').optional().meta({
      title: 'Matching',
      description: 'exact: only full ids count.',
    }),
    deniedModels: listOf(text('a model'), 'models')
      .optional()
      .meta({
        title: 'Denied models',
        description: 'Applied last, by the same matching.',
        examples: [['opus']],
      }),
    model: text('a model')
      .optional()
      .meta({ title: 'Model', description: 'The model that clients start with.', examples: ['sonnet'] }),
    enforceAvailableModels: flag().optional().meta({
      title: 'Enforce',
      description: "Makes the client's default follow availableModels.",
    }),
  })
  .meta({
    title: 'Settings',
    description:
      'Settings of Claude Code for the developers this policy matches; clients get them from the gateway, and it enforces the model lists itself.',
  });

export type Settings = z.output<typeof settingsShape>;

/** The document without what clients read only from the machine. */
export function servedSettings(
  settings: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !settingsKeys.get(key)?.deviceOnly));
}

/**
 * Finds the keys that no client reads from a gateway, those that nobody knows, and what is wrong within a value. `unknownKeys`
 * is `managed.unknown_keys`.
 */
export function checkSettings(
  settings: Valid<Settings>,
  path: Path,
  unknownKeys: 'error' | 'warn',
  judge: ValueJudge,
): void {
  const { report, near } = judge;
  for (const [key, value] of Object.entries(settings)) {
    const at = [...path, key];
    const known = settingsKeys.get(key);
    if (known?.deviceOnly)
      report.warning(
        at,
        "is read by clients only from the machine's own managed settings, and is not served",
        'remove it here and push it to the machines',
      );
    else if (key === 'mcpServers')
      report.error(at, 'is not possible in managed settings', 'use managedMcpServers (http and sse servers)');
    else if (known) checkValue(known.schema ?? {}, value, at, judge);
    else {
      const meant = near(key, [...settingsKeys.keys()]);
      const hint = meant === undefined ? OTHERWISE[unknownKeys] : `did you mean ${meant}?`;
      report[unknownKeys === 'warn' ? 'warning' : 'error'](
        at,
        'is no settings key that this version knows',
        hint,
      );
    }
  }
}

const OTHERWISE = {
  warn: 'it is served all the same',
  error: 'remove it, or set managed.unknown_keys: warn to serve it all the same',
};
