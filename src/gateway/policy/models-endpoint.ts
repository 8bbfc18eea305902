import { CodedError } from '../../kernel/coded-error.ts';
import type { Accepted, Caller, CatalogModel, Reply } from '../exchange.ts';
import type { Authorisation } from './authorise.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1000;

export type CallerHandler = (request: Accepted, reply: Reply, caller: Caller) => void;

/** `GET /v1/models` and `GET /v1/models/{id}` in the Messages API's shapes, with what this developer may use. */
export function createModelsEndpoint({
  allowedModels,
  listedAs,
}: Pick<Authorisation, 'allowedModels' | 'listedAs'>): {
  readonly list: CallerHandler;
  readonly one: CallerHandler;
} {
  return {
    list(request, reply, caller) {
      const query = new URLSearchParams(request.query);
      const { page, hasMore } = pageOf(allowedModels(caller), query);
      const data = page.map(modelInfo);
      reply.json(200, {
        data,
        first_id: data[0]?.id ?? null,
        has_more: hasMore,
        last_id: data.at(-1)?.id ?? null,
      });
    },
    one(request, reply, caller) {
      const wanted = request.params['id'] ?? '';
      const model = listedAs(caller, wanted);
      if (!model)
        throw new CodedError('not_found', { facts: { sentence: `model: ${wanted.slice(0, 200)}` } });
      reply.json(200, modelInfo(model));
    },
  };
}

function pageOf(
  models: readonly CatalogModel[],
  query: URLSearchParams,
): { page: readonly CatalogModel[]; hasMore: boolean } {
  const asked = Number(query.get('limit') ?? DEFAULT_LIMIT);
  if (!Number.isInteger(asked) || asked < 1 || asked > MAX_LIMIT) {
    throw new CodedError('bad_request', {
      facts: { sentence: `limit: must be a whole number from 1 to ${MAX_LIMIT}` },
    });
  }
  const after = query.get('after_id');
  const before = query.get('before_id');
  const indexOf = (id: string) => models.findIndex((model) => model.id === id);
  if (before !== null) {
    const end = Math.max(indexOf(before), 0);
    const start = Math.max(end - asked, 0);
    return { page: models.slice(start, end), hasMore: start > 0 };
  }
  const start = after === null ? 0 : indexOf(after) + 1 || models.length;
  return { page: models.slice(start, start + asked), hasMore: start + asked < models.length };
}

function modelInfo(model: CatalogModel) {
  return {
    type: 'model',
    id: model.id,
    display_name: model.displayName,
    ...(model.description === undefined ? {} : { description: model.description }),
    created_at: model.createdAt,
    max_input_tokens: model.maxInputTokens,
    max_tokens: model.maxOutputTokens,
    capabilities: null,
  };
}
