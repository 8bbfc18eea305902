import { type CloudErrorRules, cloudJudgement } from '../../cloud-errors.ts';
import type { Judgement, OutgoingRequest, Refusal, ShownError } from '../../provider.ts';
import type { AwsAuthorisation } from '../aws/authorisation.ts';
import { isStale } from '../aws/messages.ts';
import type { StreamException } from './stream-exception.ts';

const RULES: CloudErrorRules = {
  codes: {},
  missingModel:
    /on-demand throughput isn.t supported|model identifier is invalid|model ID .* (?:is invalid|does not exist)/i,
};

/** A refusal of Bedrock's. Whatever the reason, a count that it refuses is one that clients make by other means. */
export function judgeBedrock(refusal: Refusal, authorisation: AwsAuthorisation): Judgement {
  const judgement = cloudJudgement(refusal, RULES);
  if (isStale(refusal) && authorisation.refused(refusal.request))
    return { ...judgement, isWorthRepeating: true };
  if (refusal.request.endpoint === 'count_tokens') return { ...judgement, verdict: 'unsupported' };
  if (judgement.verdict !== 'model_missing') return judgement;
  return { ...judgement, shown: missingModel(refusal) };
}

/** What the client reads of an exception in a stream: what it would have read of the same in an HTTP answer. */
export function shownException({ status, payload }: StreamException, request: OutgoingRequest): ShownError {
  const { shown } = cloudJudgement({ status, headers: {}, body: payload, request }, RULES);
  return shown ?? { type: 'api_error', message: 'upstream failed' };
}

/** Names the model as the client did: what it is called there may be an ARN, with an account in it. */
function missingModel({ status, request }: Refusal): Judgement['shown'] {
  return {
    type: status === 404 ? 'not_found_error' : 'invalid_request_error',
    message: `upstream does not serve model ${request.body.model}`,
  };
}
