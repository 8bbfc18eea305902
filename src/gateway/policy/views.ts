import type { Caller, CatalogModel } from '../exchange.ts';
import { type IdOf, isAllowed, type JudgedModel, type ModelRules, modelRulesOf } from './allow-list.ts';
import { mergeDocuments, type PolicyDocuments } from './documents.ts';
import { emailDomain, layersFor, type PolicyMatch } from './match.ts';

/** One entry of `managed.policies`. */
export interface Policy {
  readonly match: PolicyMatch;
  readonly documents: PolicyDocuments;
}

export interface ListedModel extends CatalogModel, JudgedModel {
  /** In no catalog: the client's own name, of which there is no end. */
  readonly isUnknown: boolean;
}

export interface JudgedCatalog {
  resolve(clientModel: string): ListedModel | undefined;
  list(): readonly ListedModel[];
}

/** What the policies say for everybody to whom the same ones apply. */
export interface View {
  /** The merged documents; undefined when no policy matches. */
  readonly documents: PolicyDocuments | undefined;
  readonly rules: ModelRules | undefined;
  /** In the catalog's order. */
  readonly allowed: readonly ListedModel[];
  /** Models that were allowed, by the name that a client gave. */
  readonly models: Map<string, ListedModel>;
}

export interface ViewParts {
  readonly policies: readonly Policy[];
  readonly catalog: JudgedCatalog;
  readonly idOf: IdOf;
}

const MAX_COMBINATIONS = 10_000;

/**
 * Finds the view of a developer: one for each policy that can be selected, looked up once for each combination of groups and
 * email domain.
 */
export function createViews({ policies, catalog, idOf }: ViewParts): (caller: Caller) => View {
  const bySelected = new Map<Policy | undefined, View>();
  const byCombination = new Map<string, View>();
  const byCaller = new WeakMap<Caller, View>();

  const viewOfLayers = (layers: readonly Policy[]): View => {
    // The catch-alls are the same for everybody: the last layer says which they are all together.
    const selected = layers.at(-1);
    const known = bySelected.get(selected);
    if (known) return known;
    const view = createView(layers, catalog, idOf);
    bySelected.set(selected, view);
    return view;
  };

  return (caller) => {
    const known = byCaller.get(caller);
    if (known) return known;
    const key = JSON.stringify([emailDomain(caller), caller.groups]);
    const view = byCombination.get(key) ?? viewOfLayers(layersFor(policies, caller));
    if (byCombination.size >= MAX_COMBINATIONS) byCombination.clear();
    byCombination.set(key, view);
    byCaller.set(caller, view);
    return view;
  };
}

/** The lists of the policies are few and short; what their entries spell never changes. */
export function rememberedIds(catalog: JudgedCatalog): IdOf {
  const ids = new Map<string, string | undefined>();
  return (entry) => {
    if (!ids.has(entry)) ids.set(entry, catalog.resolve(entry)?.id);
    return ids.get(entry);
  };
}

function createView(layers: readonly Policy[], catalog: JudgedCatalog, idOf: IdOf): View {
  const [first, ...rest] = layers.map(({ documents }) => documents);
  const documents = first && rest.reduce(mergeDocuments, first);
  const rules = documents && modelRulesOf(documents.settings);
  const allowed = catalog.list().filter((model) => !rules || isAllowed(model, rules, idOf));
  return { documents, rules, allowed, models: new Map() };
}
