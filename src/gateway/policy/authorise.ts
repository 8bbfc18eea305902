import { CodedError } from '../../kernel/coded-error.ts';
import { withoutMark } from '../../kernel/model-name.ts';
import type { Caller, Permit } from '../exchange.ts';
import { type IdOf, isAllowed } from './allow-list.ts';
import type { JudgedCatalog, ListedModel, View } from './views.ts';

export interface AuthoriseParts {
  readonly viewOf: (caller: Caller) => View;
  readonly catalog: JudgedCatalog;
  readonly idOf: IdOf;
}

export interface Authorisation {
  /** Throws CodedError `model_unknown` or `model_not_allowed`. */
  authorise(caller: Caller, clientModel: string): Permit;
  /** What this developer may use, in the catalog's order. */
  allowedModels(caller: Caller): readonly ListedModel[];
  /** The one of these that a client means, in any spelling that a request may have. */
  listedAs(caller: Caller, clientModel: string): ListedModel | undefined;
}

const MAX_MODELS_PER_VIEW = 1_000;
const LONGEST_NAMED_LIST = 20;

/** Decides who may use which model. What a view has allowed once it remembers. */
export function createAuthorisation({ viewOf, catalog, idOf }: AuthoriseParts): Authorisation {
  return {
    allowedModels: (caller) => viewOf(caller).allowed,
    listedAs(caller, clientModel) {
      const id = catalog.resolve(clientModel)?.id;
      return viewOf(caller).allowed.find((model) => model.id === id);
    },
    authorise(caller, clientModel) {
      const view = viewOf(caller);
      const model =
        view.models.get(clientModel) ?? judge(view, clientModel, catalog.resolve(clientModel), idOf);
      return { caller, model, requestedModel: withoutMark(clientModel) } as unknown as Permit;
    },
  };
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
