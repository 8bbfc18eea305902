import type { JudgeModelLists, ModelLists, ModelListsJudge } from '../../config/model-lists.ts';
import { builtinModels } from '../catalog/builtin-models.ts';
import { type Catalog, createCatalog } from '../catalog/catalog.ts';
import { isAllowed, type JudgedModel } from '../policy/allow-list.ts';

/** Families that clients start with unless told otherwise. */
const USUAL_FAMILIES: ReadonlySet<string | undefined> = new Set(['opus', 'sonnet']);

/** Words for `model` with which a client chooses one itself. */
const CLIENT_WORDS: ReadonlySet<string> = new Set(['default', 'best', 'opusplan']);

/** Has everything: for what a model's name means, who serves it is not the question. */
const ANY = { name: '*', provider: 'anthropic', region: undefined, models: undefined } as const;

/** Judges the lists of models of a configuration by its catalog, as requests will be judged. */
export function createAllowListJudge(): JudgeModelLists {
  const builtin = builtinModels();
  return ({ models, upstreams, includesBuiltin }) => {
    const options = { includesBuiltin, forwardsUnknown: false };
    const unlabelled = models.map((model) => ({ ...model, label: undefined, description: undefined }));
    const ofAny = unlabelled.map((model) => ({
      ...model,
      upstreamModel: { ...model.upstreamModel, [ANY.name]: model.id },
    }));
    const all = createCatalog({ ...options, upstreams: [ANY], models: ofAny }, builtin);
    const served = upstreams && createCatalog({ ...options, upstreams, models: unlabelled }, builtin);
    const forwarding = { ...options, forwardsUnknown: true, upstreams: [ANY], models: ofAny };
    return judgeBy(all, served, createCatalog(forwarding, builtin));
  };
}

/** `forwarding` has any name at all, as a gateway that forwards unknown ones judges it. */
function judgeBy(all: Catalog, served: Catalog | undefined, forwarding: Catalog): ModelListsJudge {
  const idOf = (entry: string) => all.resolve(entry)?.id;
  const namedBy = (entry: string, catalog: Catalog, match?: string): readonly JudgedModel[] => {
    const alone = { availableModels: [entry], availableModelsMatch: match, deniedModels: undefined };
    return catalog.list().filter((model) => isAllowed(model, alone, idOf));
  };
  const isUnnamedBy = (...which: Parameters<typeof namedBy>) => namedBy(...which).length === 0;
  const usual = all.list().filter(({ family }) => USUAL_FAMILIES.has(family));
  const allowsOneOf = (lists: ModelLists, models: readonly JudgedModel[]) =>
    models.length === 0 || models.some((model) => isAllowed(model, lists, idOf));
  const allowsModel = (lists: ModelLists, model: string) => {
    const meant = namedBy(model, all);
    const unknown = meant.length > 0 ? undefined : forwarding.resolve(model);
    return CLIENT_WORDS.has(model) || allowsOneOf(lists, unknown ? [unknown] : meant);
  };

  return (lists) => {
    const { availableModels: entries = [], availableModelsMatch: match, deniedModels = [], model } = lists;
    const unknownEntries = entries.filter((entry) => isUnnamedBy(entry, all, match));
    return {
      unknownEntries,
      inexactEntries: unknownEntries.filter((entry) => !isUnnamedBy(entry, all)),
      unservedEntries: served ? entries.filter((entry) => isUnnamedBy(entry, served, match)) : [],
      unknownDenials: deniedModels.filter((entry) => isUnnamedBy(entry, all)),
      allowsAny: allowsOneOf(lists, (served ?? all).list()),
      allowsModel: model === undefined || allowsModel(lists, model),
      allowsUsualModel: allowsOneOf(lists, usual),
    };
  };
}
