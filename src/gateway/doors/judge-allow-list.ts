import type { JudgeAllowList } from '../../config/managed.ts';
import { builtinModels, spellingsOf } from '../catalog/builtin-models.ts';
import { withoutMark } from '../catalog/catalog.ts';
import { isAllowed, type JudgedModel } from '../policy/allow-list.ts';

/** Families that clients start with unless told otherwise. */
const USUAL_FAMILIES: ReadonlySet<string | undefined> = new Set(['opus', 'sonnet']);

/** Judges allow-lists of a configuration by the catalog, as requests will be judged. */
export function createAllowListJudge(): JudgeAllowList {
  const builtin = builtinModels();
  const known = builtin.models.map((model): JudgedModel => {
    const spellings = spellingsOf(model).map((spelling) => spelling.toLowerCase());
    return { family: model.family, spellings };
  });
  return (list, { ids, includesBuiltin }) => {
    const configured = ids.map((id): JudgedModel => {
      const bare = withoutMark(id);
      const model = builtin.find(bare);
      const spellings = [bare, ...(model ? spellingsOf(model) : [])].map((spelling) =>
        spelling.toLowerCase(),
      );
      return { family: model?.family, spellings };
    });
    const models = [...(includesBuiltin ? known : []), ...configured];
    const namesOne = (entry: string) =>
      models.some((model) =>
        isAllowed(model, { ...list, availableModels: [entry], deniedModels: undefined }),
      );
    const usual = models.filter(({ family }) => USUAL_FAMILIES.has(family));
    return {
      unknownEntries: list.availableModels.filter((entry) => !namesOne(entry)),
      allowsUsualModel: usual.length === 0 || usual.some((model) => isAllowed(model, list)),
    };
  };
}
