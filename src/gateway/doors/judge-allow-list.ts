import type { JudgeAllowList } from '../../config/managed.ts';
import { builtinModels } from '../catalog/builtin-models.ts';
import { createCatalog } from '../catalog/catalog.ts';
import { isAllowed } from '../policy/allow-list.ts';

/** Families that clients start with unless told otherwise. */
const USUAL_FAMILIES: ReadonlySet<string | undefined> = new Set(['opus', 'sonnet']);

/** Judges allow-lists of a configuration by its catalog, as requests will be judged. */
export function createAllowListJudge(): JudgeAllowList {
  const builtin = builtinModels();
  return (list, { ids, includesBuiltin }) => {
    const catalog = createCatalog(
      {
        // One that has everything: what an upstream serves is not the question here.
        upstreams: [{ name: 'any', provider: 'anthropic', region: undefined, models: undefined }],
        models: ids.map((id) => ({
          id,
          label: undefined,
          description: undefined,
          upstreamModel: { any: id },
        })),
        includesBuiltin,
        forwardsUnknown: false,
      },
      builtin,
    );
    const models = catalog.list();
    const idOf = (entry: string) => catalog.resolve(entry)?.id;
    const namesOne = (entry: string) => {
      const alone = { ...list, availableModels: [entry], deniedModels: undefined };
      return models.some((model) => isAllowed(model, alone, idOf));
    };
    const usual = models.filter(({ family }) => USUAL_FAMILIES.has(family));
    return {
      unknownEntries: list.availableModels.filter((entry) => !namesOne(entry)),
      allowsUsualModel: usual.length === 0 || usual.some((model) => isAllowed(model, list, idOf)),
    };
  };
}
