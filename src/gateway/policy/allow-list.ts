/** What a policy says about models. `availableModels` absent: all of the catalog; empty: none. */
export interface ModelRules {
  readonly availableModels: readonly string[] | undefined;
  readonly availableModelsMatch: string | undefined;
  readonly deniedModels: readonly string[] | undefined;
}

/** A model by all its names, lower case. */
export interface JudgedModel {
  readonly family: string | undefined;
  readonly spellings: readonly string[];
}

/** The lists replace the base's where the policy sets them; denials add up. */
export function mergeModelRules(base: ModelRules, override: ModelRules): ModelRules {
  const denied = [...(base.deniedModels ?? []), ...(override.deniedModels ?? [])];
  return {
    availableModels: override.availableModels ?? base.availableModels,
    availableModelsMatch: override.availableModelsMatch ?? base.availableModelsMatch,
    deniedModels: denied.length > 0 ? [...new Set(denied)] : undefined,
  };
}

/** Whether the rules allow a model. Denials are applied last, by the same matching. */
export function isAllowed(model: JudgedModel, rules: ModelRules): boolean {
  const isExact = rules.availableModelsMatch === 'exact';
  const isNamed = (entries: readonly string[]) => entries.some((entry) => names(entry, model, isExact));
  if (rules.availableModels && !isNamed(rules.availableModels)) return false;
  return !(rules.deniedModels && isNamed(rules.deniedModels));
}

/**
 * Whether an entry names a model: a family (`opus`), a version prefix with or without `claude-` (`opus-4-8`) that ends
 * where a name continues with `-` or `@` or ends, or a full id in any spelling. `[1m]` counts for nothing.
 */
function names(entry: string, { family, spellings }: JudgedModel, isExact: boolean): boolean {
  const wanted = entry
    .trim()
    .replace(/\[1m\]$/i, '')
    .toLowerCase();
  if (wanted === '') return false;
  if (spellings.includes(wanted)) return true;
  if (isExact) return false;
  if (wanted === family || wanted === `claude-${family}`) return true;
  return spellings.some((spelling) => extendsAt(spelling, wanted) || extendsAt(spelling, `claude-${wanted}`));
}

/** `claude-opus-4-8-20260101` extends `claude-opus-4-8`; `claude-opus-4-80` does not. */
function extendsAt(spelling: string, prefix: string): boolean {
  if (!spelling.startsWith(prefix)) return false;
  const next = spelling[prefix.length];
  return next === undefined || next === '-' || next === '@';
}
