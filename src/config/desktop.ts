import { z } from 'zod';
import data from './desktop-keys.data.json' with { type: 'json' };
import type { Path } from './source-problem.ts';
import {
  checkValue,
  outermostShape,
  type ValueJudge,
  type ValueSchema,
  valueSchemaShape,
} from './value-schema.ts';

/** One key of Claude Desktop's configuration; `desktop-keys.data.json` holds what is known of each. */
const desktopKeyShape = z.strictObject({
  schema: valueSchemaShape.optional(),
  /** Whose it is, when a policy cannot set it: the machine's own configuration, or what the gateway says by itself. */
  setBy: z.enum(['machine', 'gateway']).optional(),
  /** What to write in its place. */
  instead: z.string().optional(),
});

const { keys, aliases } = z
  .object({ keys: z.record(z.string(), desktopKeyShape), aliases: z.record(z.string(), z.string()) })
  .parse(data);
const desktopKeys = new Map(Object.entries(keys));
const canonicalNames = new Map(Object.entries(aliases));

/** What a policy may set, by key. */
const servedDesktopKeys: ReadonlyMap<string, ValueSchema> = new Map(
  [...desktopKeys].flatMap(([key, { schema, setBy }]) => (setBy ? [] : [[key, schema ?? {}] as const])),
);

export const desktopShape = z
  .looseObject(
    Object.fromEntries(
      [...servedDesktopKeys].map(([key, schema]) => [key, outermostShape(schema).optional()]),
    ),
  )
  .meta({
    title: 'Claude Desktop',
    description:
      'Configuration of Claude Desktop for the developers this policy matches, by its flat keys; {} is enough for it to get the models and the rules that follow from the settings.',
  });

/** Finds keys that a policy cannot set, values of the wrong kind, and keys that nobody knows, which are served all the same. */
export function checkDesktop(
  desktop: Readonly<Record<string, unknown>>,
  path: Path,
  judge: ValueJudge,
): void {
  const { report, near } = judge;
  for (const [key, value] of Object.entries(desktop)) {
    const at = [...path, key];
    const canonical = canonicalNames.get(key);
    const known = desktopKeys.get(canonical ?? key);
    if (known?.setBy) report.error(at, ...refusalOf(known.setBy, known.instead));
    else if (canonical !== undefined) report.error(at, 'is an older name', `write ${canonical}`);
    else if (known) checkValue(known.schema ?? {}, value, at, judge);
    else {
      const meant = near(key, [...servedDesktopKeys.keys()]);
      const hint = meant === undefined ? undefined : `did you mean ${meant}?`;
      report.warning(at, 'is no key of Claude Desktop that this version knows; it is served', hint);
    }
  }
}

function refusalOf(
  setBy: 'machine' | 'gateway',
  instead = 'remove it here',
): [message: string, hint: string] {
  return setBy === 'gateway'
    ? ['is what the gateway itself tells Claude Desktop', instead]
    : ["is read only from the machine's own configuration", `${instead} and push it to the machines`];
}
