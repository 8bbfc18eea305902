import type { AllowList, JudgeAllowList } from '../../config/managed.ts';
import { builtinModels } from '../catalog/builtin-models.ts';
import { type Catalog, createCatalog } from '../catalog/catalog.ts';
import { isAllowed } from '../policy/allow-list.ts';

/** Families that clients start with unless told otherwise. */
const USUAL_FAMILIES: ReadonlySet<string | undefined> = new Set(['opus', 'sonnet']);

/** Has everything: for what a model's name means, who serves it is not the question. */
const ANY = { name: 'any', provider: 'anthropic', region: undefined, models: undefined } as const;

/** Judges allow-lists of a configuration by its catalog, as requests will be judged. */
export function createAllowListJudge(): JudgeAllowList {
  const builtin = builtinModels();
  return ({ models, upstreams, includesBuiltin }) => {
    const options = { includesBuiltin, forwardsUnknown: false };
    const unlabelled = models.map((model) => ({ ...model, label: undefined, description: undefined }));
    const ofAny = unlabelled.map((model) => ({ ...model, upstreamModel: { [ANY.name]: model.id } }));
    const all = createCatalog({ ...options, upstreams: [ANY], models: ofAny }, builtin);
    const served = upstreams && createCatalog({ ...options, upstreams, models: unlabelled }, builtin);
    const idOf = (entry: string) => all.resolve(entry)?.id;
    const namesOneOf = (list: AllowList, entry: string, catalog: Catalog): boolean => {
      const alone = { ...list, availableModels: [entry], deniedModels: undefined };
      return catalog.list().some((model) => isAllowed(model, alone, idOf));
    };
    const usual = all.list().filter(({ family }) => USUAL_FAMILIES.has(family));

    return (list) => ({
      unknownEntries: list.availableModels.filter((entry) => !namesOneOf(list, entry, all)),
      unservedEntries: served ? list.availableModels.filter((entry) => !namesOneOf(list, entry, served)) : [],
      allowsUsualModel: usual.length === 0 || usual.some((model) => isAllowed(model, list, idOf)),
    });
  };
}
