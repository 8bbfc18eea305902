import { spellingsOf } from '../../src/gateway/catalog/builtin-models.ts';
import type { CatalogEntry } from './problems.ts';

const PREFIXES = ['apac.', 'au.', 'eu.', 'global.', 'jp.', 'us-gov.', 'us.'];

/** Each spelling names one model, and the spellings of a model follow from its id as the providers' naming rules have it. */
export function idProblems(
  models: readonly CatalogEntry[],
  retiredAliases: Readonly<Record<string, string>>,
): readonly string[] {
  const owners = new Map<string, string>();
  const shared = models.flatMap((model) =>
    [...spellingsOf(model)].flatMap((spelling) => {
      const owner = owners.get(spelling.toLowerCase());
      owners.set(spelling.toLowerCase(), owner ?? model.id);
      return owner === undefined || owner === model.id
        ? []
        : [`${model.id}: ${spelling} is a spelling of ${owner} as well`];
    }),
  );
  const retired = Object.entries(retiredAliases).flatMap(([alias, snapshot]) => {
    const [owner, meant] = [owners.get(alias), owners.get(snapshot)];
    return owner === undefined || owner === meant ? [] : [`${alias}: is retired, and names ${owner}`];
  });
  return [...shared, ...retired, ...models.flatMap(namingProblems)];
}

function namingProblems(model: CatalogEntry): string[] {
  const { id, family, aliases, snapshots, providers } = model;
  const snapshot = snapshots[0] ?? '';
  const isDated = /-\d{8}$/.test(snapshot);
  const base = providers.bedrock?.baseId;
  const prefixes = providers.bedrock?.profilePrefixes ?? [];
  const vertex = snapshot.replace(/-(\d{8})$/, '@$1');
  const told: readonly (readonly [isWrong: boolean, what: string])[] = [
    [!id.startsWith('claude-') || !id.split('-').includes(family), `is no id of the family ${family}`],
    [isDated ? aliases.length === 0 : aliases.length > 0, 'has aliases exactly when its snapshot is dated'],
    [!snapshot.startsWith(id), `has a snapshot ${snapshot} that is not its own`],
    [
      base !== undefined && !new RegExp(`^anthropic\\.${snapshot}(?:-v1(?::0)?)?$`).test(base),
      `has the Bedrock id ${base}`,
    ],
    [prefixes.some((prefix) => !PREFIXES.includes(prefix)), `has a profile outside ${PREFIXES.join(', ')}`],
    [prefixes.join() !== prefixes.toSorted().join(), 'has profiles that are not in order'],
    [differs(providers.vertex, vertex), `is ${providers.vertex} on Vertex, and not ${vertex}`],
    [differs(providers.mantle, `anthropic.${id}`), `is ${providers.mantle} on mantle`],
    [differs(providers.foundry, id), `is ${providers.foundry} on Foundry`],
    [differs(providers.anthropic, id), `is ${providers.anthropic} at the Anthropic API`],
    [differs(providers.anthropicAws, id), `is ${providers.anthropicAws} on Claude Platform on AWS`],
  ];
  return told.flatMap(([isWrong, what]) => (isWrong ? [`${id}: ${what}`] : []));
}

function differs(given: string | null, wanted: string): boolean {
  return given !== null && given !== wanted;
}
