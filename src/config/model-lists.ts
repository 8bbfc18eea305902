import type { JudgedCatalog } from './judged-catalog.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';
import type { Settings } from './settings.ts';
import type { Path } from './source-problem.ts';

/** What the policies that apply to somebody say about models, all together. */
export interface ModelLists {
  readonly availableModels: readonly string[] | undefined;
  readonly availableModelsMatch: string | undefined;
  readonly deniedModels: readonly string[] | undefined;
  /** The model that clients are told to start with. */
  readonly model: string | undefined;
}

export interface ModelListsVerdict {
  /** Entries of `availableModels` that name no model. */
  readonly unknownEntries: readonly string[];
  /** Those of them that would name one, were not only full ids to count. */
  readonly inexactEntries: readonly string[];
  /** Entries of `availableModels` of which no upstream of the file serves any model. */
  readonly unservedEntries: readonly string[];
  /** Entries of `deniedModels` that name no model. */
  readonly unknownDenials: readonly string[];
  readonly allowsAny: boolean;
  /** Whether `model` is allowed, or is not given. */
  readonly allowsModel: boolean;
  /** Whether one of the models is allowed that clients start with unless told otherwise. */
  readonly allowsUsualModel: boolean;
}

export type ModelListsJudge = (lists: ModelLists) => ModelListsVerdict;

/** Judges lists of models by the models there are, which the gateway knows. */
export type JudgeModelLists = (catalog: JudgedCatalog) => ModelListsJudge;

/** The settings of one policy and where they stand. */
export interface SettingsAt {
  readonly path: Path;
  readonly settings: Valid<Settings>;
}

/** What decides which models are allowed, in the order in which one is named as the cause of what all of it leaves. */
const LISTS = ['deniedModels', 'availableModelsMatch', 'availableModels'] as const;
const KEYS = [...LISTS, 'model', 'enforceAvailableModels'] as const;

type Key = (typeof KEYS)[number];

/** Which policy decides on a key: of several that apply to somebody, the last that sets it. */
export type Deciding = ReadonlyMap<Key, SettingsAt>;

/** What decides for somebody to whom all of these policies apply. */
export function decidingOf(policies: readonly SettingsAt[], report: Report): Deciding {
  return new Map(
    policies.flatMap((policy) =>
      KEYS.filter((key) => report.has([...policy.path, key])).map((key) => [key, policy] as const),
    ),
  );
}

interface Merged extends ModelLists {
  readonly isEnforced: boolean;
  /** Where a key stands; undefined where it does not, or was judged elsewhere. */
  ownPath(key: Key): Path | undefined;
}

/**
 * Warns of what boots and then refuses people's requests, for those to whom `own` applies on top of `base`, which is judged
 * elsewhere by itself.
 */
export function checkModelLists(
  base: Deciding,
  own: Deciding,
  judge: ModelListsJudge | undefined,
  report: Report,
): void {
  const merged = merge(base, own);
  const cause = merged && KEYS.map(merged.ownPath).find((path) => path !== undefined);
  if (!merged || !cause) return;
  const { availableModels, deniedModels } = merged;
  if (availableModels?.length === 0) {
    const path = merged.ownPath('availableModels');
    const hint = 'list models, or remove the key for all';
    if (path) report.warning(path, 'is empty: whom this policy matches may use no model', hint);
    return;
  }
  if (!judge) return;
  const verdict = judge(merged);
  checkEntries(merged, verdict, report);
  checkDenials(merged, verdict, report);
  if (!verdict.allowsAny) checkNothingLeft(merged, verdict, report);
  else if (availableModels || deniedModels) checkStart(merged, verdict, cause, report);
}

/** Undefined where one of the keys has a mistake. */
function merge(base: Deciding, own: Deciding): Merged | undefined {
  const setting = (key: Key) => own.get(key) ?? base.get(key);
  const given = <K extends Key>(key: K) => setting(key)?.settings[key];
  const entries = (key: 'availableModels' | 'deniedModels') =>
    given(key)?.filter((entry) => entry !== undefined);
  const availableModels = entries('availableModels');
  const deniedModels = entries('deniedModels');
  const hasMistake =
    KEYS.some((key) => setting(key) && given(key) === undefined) ||
    availableModels?.length !== given('availableModels')?.length ||
    deniedModels?.length !== given('deniedModels')?.length;
  if (hasMistake) return undefined;
  return {
    availableModels,
    availableModelsMatch: given('availableModelsMatch'),
    deniedModels,
    model: given('model'),
    isEnforced: given('enforceAvailableModels') === true,
    ownPath: (key) => {
      const at = own.get(key);
      return at && [...at.path, key];
    },
  };
}

function checkEntries(merged: Merged, verdict: ModelListsVerdict, report: Report): void {
  const path = merged.ownPath('availableModels');
  const inexact = new Set(verdict.inexactEntries);
  const unknown = new Set(verdict.unknownEntries);
  const unserved = new Set(verdict.unservedEntries);
  for (const [index, entry] of (path && merged.availableModels)?.entries() ?? []) {
    const at = [...(path ?? []), index];
    const warn = (message: string, hint: string) =>
      report.warning(at, `${message}, found ${report.found(at)}`, hint);
    if (inexact.has(entry))
      warn(
        'is no full id, and availableModelsMatch: exact takes no other',
        'write full ids, or remove availableModelsMatch',
      );
    else if (unknown.has(entry))
      warn('names no model of the catalog', 'see `sallyport models`, or add it under models:');
    else if (unserved.has(entry))
      warn(
        'names only models that no upstream can serve',
        'add an upstream that can, or map the model in upstream_model under models:',
      );
  }
}

function checkDenials(merged: Merged, verdict: ModelListsVerdict, report: Report): void {
  const path = merged.ownPath('deniedModels');
  const unknown = new Set(verdict.unknownDenials);
  for (const [index, entry] of (path && merged.deniedModels)?.entries() ?? []) {
    const at = [...(path ?? []), index];
    if (unknown.has(entry))
      report.warning(
        at,
        `names no model of the catalog, found ${report.found(at)}`,
        'see `sallyport models`, and correct it if it is to deny one of them',
      );
  }
}

/** Says nothing more where each entry by itself was said to name no model. */
function checkNothingLeft(merged: Merged, verdict: ModelListsVerdict, report: Report): void {
  const path = LISTS.map(merged.ownPath).find((own) => own !== undefined);
  const said = [...verdict.unknownEntries, ...verdict.unservedEntries];
  const saysAll =
    merged.ownPath('availableModels') && merged.availableModels?.every((entry) => said.includes(entry));
  if (path && !saysAll)
    report.warning(
      path,
      'leaves no model, with all that applies to whom this policy matches: they may use none',
      'see availableModels, availableModelsMatch and deniedModels here and in the policies with match: {}',
    );
}

/** Whether clients start with a model that they may use. */
function checkStart(merged: Merged, verdict: ModelListsVerdict, cause: Path, report: Report): void {
  const { model, isEnforced } = merged;
  const path = merged.ownPath('model');
  if (model !== undefined && !verdict.allowsModel)
    report.warning(
      path ?? cause,
      path
        ? `is none of the models that whom this policy matches may use, found ${report.found(path)}`
        : 'leaves out the model that a policy for everybody tells clients to start with',
      'set model: to one that is allowed',
    );
  else if (model === undefined && !isEnforced && !verdict.allowsUsualModel)
    report.warning(
      merged.ownPath('availableModels') ?? cause,
      'leaves out every model that clients start with: their first request is refused',
      'set model: to one of the list, or enforceAvailableModels: true',
    );
}
