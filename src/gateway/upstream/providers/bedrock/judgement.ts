import { type CloudErrorRules, cloudJudgement } from '../../cloud-errors.ts';
import type { Judgement, OutgoingRequest, Refusal } from '../../provider.ts';
import { StreamRefusal } from '../../stream-refusal.ts';
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
  const judgement = judgeAnswer(refusal);
  if (isStale(refusal) && authorisation.refused(refusal.request))
    return { ...judgement, isWorthRepeating: true };
  return refusal.request.endpoint === 'count_tokens' ? { ...judgement, verdict: 'unsupported' } : judgement;
}

/** An exception in a stream means what the same would have meant in an HTTP answer; `headers` are the stream's. */
export function judgedException(
  { status, payload, message }: StreamException,
  headers: Refusal['headers'],
  request: OutgoingRequest,
): StreamRefusal {
  const refusal = { status, headers, body: payload, request };
  return new StreamRefusal(message, refusal, judgeAnswer(refusal));
}

/** What is refused, and nothing done about it. */
export function judgeAnswer(refusal: Refusal): Judgement {
  const judgement = cloudJudgement(refusal, RULES);
  if (judgement.verdict !== 'model_missing') return judgement;
  return { ...judgement, shown: missingModel(refusal) };
}

/** Names the model as the client did: what it is called there may be an ARN, with an account in it. */
function missingModel({ status, request }: Refusal): Judgement['shown'] {
  return {
    type: status === 404 ? 'not_found_error' : 'invalid_request_error',
    message: `upstream does not serve model ${request.body.model}`,
  };
}
