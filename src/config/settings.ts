import { z } from 'zod';
import { anyText, choice, flag, listOf, text } from './fields.ts';
import { nearest } from './nearest.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';
import data from './settings-keys.data.json' with { type: 'json' };
import type { Path } from './source-problem.ts';

/** One key of Claude Code's settings; `settings-keys.data.json` holds what is known of each. */
const SettingsKeyShape = z.object({
  type: z.enum(['string', 'boolean', 'number', 'integer', 'array', 'object']).optional(),
  values: z.array(z.string()).optional(),
  /** Read by a client only from the machine's own files. */
  deviceOnly: z.boolean().optional(),
});

type SettingsKey = z.output<typeof SettingsKeyShape>;

const settingsKeys = new Map(
  Object.entries(z.object({ keys: z.record(z.string(), SettingsKeyShape) }).parse(data).keys),
);

const rules = (title: string, description: string) =>
  listOf(z.string({ error: 'must be a rule like "Read(./.env)"' }), 'rules')
    .optional()
    .meta({ title, description, examples: [['Read(./.env)']] });

/** Every known key with its type. What is below a key is the client's business, but for what the gateway merges by. */
export const settingsShape = z
  .looseObject({
    ...Object.fromEntries([...settingsKeys].map(([key, known]) => [key, schemaOf(known).optional()])),
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
      'Claude Code settings for the developers this policy matches. This version enforces the model lists and does not serve settings to clients.',
  });

export type Settings = z.output<typeof settingsShape>;

/** The document without what clients read only from the machine. */
export function servedSettings(
  settings: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !settingsKeys.get(key)?.deviceOnly));
}

/** Advice costs time; only so many unknown keys get it. */
const MOST_ADVICE = 200;

/** Finds the keys that no client reads from a gateway, and those that nobody knows. */
export function createSettingsCheck(
  unknownKeys: 'error' | 'warn',
  report: Report,
): (settings: Valid<Settings>, path: Path) => void {
  const unknown = unknownKeys === 'warn' ? report.warning : report.error;
  const otherwise =
    unknownKeys === 'warn'
      ? 'it is carried through'
      : 'remove it, or set managed.unknown_keys: warn to carry it through';
  let advised = 0;

  const adviceFor = (key: string): string => {
    advised += 1;
    const near = advised > MOST_ADVICE ? undefined : nearest(key, [...settingsKeys.keys()]);
    return near === undefined ? otherwise : `did you mean ${near}?`;
  };

  return (settings, path) => {
    for (const key of Object.keys(settings)) {
      const at = [...path, key];
      const known = settingsKeys.get(key);
      if (known?.deviceOnly)
        report.warning(
          at,
          "is read by clients only from the machine's own managed settings, and is not served",
          'remove it here and push it to the machines',
        );
      else if (key === 'mcpServers')
        report.error(
          at,
          'is not possible in managed settings',
          'use managedMcpServers (http and sse servers)',
        );
      else if (!known) unknown(at, 'is no settings key that this version knows', adviceFor(key));
    }
  };
}

function schemaOf({ type, values }: SettingsKey): z.ZodType {
  const [first, ...rest] = values ?? [];
  if (first !== undefined) return choice(first, ...rest);
  switch (type) {
    case 'string':
      return anyText();
    case 'boolean':
      return flag();
    case 'number':
      return z.number({ error: 'must be a number' });
    case 'integer':
      return z.int({ error: 'must be a whole number' });
    case 'array':
      return z.array(z.unknown(), { error: 'must be a list' });
    case 'object':
      return z.record(z.string(), z.unknown(), { error: 'must be a map' });
    case undefined:
      return z.unknown();
  }
}
