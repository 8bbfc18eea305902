import { CodedError } from '../../kernel/coded-error.ts';
import { type Caller, type CatalogModel, type Permit, withoutMark } from '../exchange.ts';
import { type IdOf, isAllowed, type JudgedModel, type ModelRules, mergeModelRules } from './allow-list.ts';
import { emailDomain, type PolicyMatch, selectPolicy } from './match.ts';

export interface ModelPolicy {
  readonly match: PolicyMatch;
  readonly models: ModelRules;
}

export interface ListedModel extends CatalogModel, JudgedModel {
  /** In no catalog: the client's own name, of which there is no end. */
  readonly isUnknown: boolean;
}

export interface AuthoriseParts {
  readonly policies: readonly ModelPolicy[];
  readonly catalog: {
    resolve(clientModel: string): ListedModel | undefined;
    list(): readonly ListedModel[];
  };
}

export interface Authorisation {
  /** Throws CodedError `model_unknown` or `model_not_allowed`. */
  authorise(caller: Caller, clientModel: string): Permit;
  /** What this developer may use, in the catalog's order. */
  allowedModels(caller: Caller): readonly ListedModel[];
}

/** One developer's view: what the policies say for this combination of groups and email domain. */
interface View {
  readonly rules: ModelRules | undefined;
  readonly allowed: readonly ListedModel[];
  readonly models: Map<string, ListedModel>;
}

const MAX_VIEWS = 10_000;
const MAX_MODELS_PER_VIEW = 1_000;
const LONGEST_NAMED_LIST = 20;

/** Decides who may use which model. Policies are resolved once per combination of groups and email domain. */
export function createAuthorisation({ policies, catalog }: AuthoriseParts): Authorisation {
  const idOf = rememberedIds(catalog);
  const views = new Map<string, View>();
  const viewOfCaller = new WeakMap<Caller, View>();

  const viewFor = (caller: Caller): View => {
    const known = viewOfCaller.get(caller);
    if (known) return known;
    const key = JSON.stringify([emailDomain(caller), caller.groups]);
    let view = views.get(key);
    if (!view) {
      view = createView(caller, policies, catalog, idOf);
      if (views.size >= MAX_VIEWS) views.clear();
      views.set(key, view);
    }
    viewOfCaller.set(caller, view);
    return view;
  };

  return {
    allowedModels: (caller) => viewFor(caller).allowed,
    authorise(caller, clientModel) {
      const view = viewFor(caller);
      const model =
        view.models.get(clientModel) ?? judge(view, clientModel, catalog.resolve(clientModel), idOf);
      return { caller, model, requestedModel: withoutMark(clientModel) } as unknown as Permit;
    },
  };
}

/** The lists of the policies are few and short; what their entries spell never changes. */
function rememberedIds(catalog: AuthoriseParts['catalog']): IdOf {
  const ids = new Map<string, string | undefined>();
  return (entry) => {
    if (!ids.has(entry)) ids.set(entry, catalog.resolve(entry)?.id);
    return ids.get(entry);
  };
}

function createView(
  caller: Caller,
  policies: readonly ModelPolicy[],
  catalog: AuthoriseParts['catalog'],
  idOf: IdOf,
): View {
  const rules = selectPolicy(policies, caller, ({ models }) => models, mergeModelRules);
  const allowed = catalog.list().filter((model) => !rules || isAllowed(model, rules, idOf));
  return { rules, allowed, models: new Map() };
}

function judge(view: View, clientModel: string, model: ListedModel | undefined, idOf: IdOf): ListedModel {
  const named = clientModel.slice(0, 200);
  if (!model) throw new CodedError('model_unknown', { facts: { model: named } });
  if (view.rules && !isAllowed(model, view.rules, idOf)) {
    const ids = view.allowed.map(({ id }) => id);
    const more = ids.length > LONGEST_NAMED_LIST ? `, … (${ids.length} in all)` : '';
    const allowed = ids.slice(0, LONGEST_NAMED_LIST).join(', ') + more;
    throw new CodedError('model_not_allowed', { facts: { model: named, allowed } });
  }
  if (!model.isUnknown && view.models.size < MAX_MODELS_PER_VIEW) view.models.set(clientModel, model);
  return model;
}
