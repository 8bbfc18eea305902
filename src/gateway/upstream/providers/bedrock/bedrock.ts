import { logBrokenStream } from '../../failure-log.ts';
import { judgedStream } from '../../judged-stream.ts';
import type { OutgoingRequest, Prepared, Provider, ProviderParts } from '../../provider.ts';
import { ownHeaders } from '../../request-headers.ts';
import { requestIdOf } from '../../response-headers.ts';
import { createAwsAuthorisation } from '../aws/authorisation.ts';
import { createAssumedRole } from './assumed-role.ts';
import { countAnswer, countRequest } from './count-tokens.ts';
import { eventsFromFrames } from './event-frames.ts';
import { guardrailHeaders, refuseGuardrailMembers } from './guardrail.ts';
import { judgeAnswer, judgeBedrock, judgedException } from './judgement.ts';
import { messageBody } from './message-body.ts';
import { modelPath } from './model-path.ts';
import type { BedrockOptions } from './options.ts';

const SERVICE = 'bedrock';
const MOST_BYTES = 20_000_000;
/** Streamed answers that are no frames: an error that came as a success, or something between that has decoded them. */
const NO_FRAMES = /^(?:application\/json|text\/event-stream)\b/i;

/** Amazon Bedrock's runtime: InvokeModel, its streaming form, and CountTokens. */
export function createBedrock(options: BedrockOptions, parts: ProviderParts): Provider {
  const { region, guardrail, assumeRole, credential } = options;
  const base = new URL(options.baseUrl ?? `https://bedrock-runtime.${region}.amazonaws.com`);
  const prefix = base.pathname.replace(/\/+$/, '');
  const place = { service: SERVICE, region, host: base.host };
  const authorisation =
    assumeRole && credential.kind !== 'bearer'
      ? createAssumedRole(assumeRole, credential, place, parts)
      : createAwsAuthorisation(credential, place, parts);

  const common = ['content-type', 'application/json', ...ownHeaders(options.headers)];
  const json = [...common, 'accept', 'application/json'];
  const guarded = guardrail ? guardrailHeaders(guardrail) : [];
  const whole = [...json, ...guarded];
  const streamed = [...common, 'accept', 'application/vnd.amazon.eventstream', ...guarded];

  const prepared = (request: OutgoingRequest): Prepared => {
    if (guardrail) refuseGuardrailMembers(request.body);
    if (request.endpoint === 'count_tokens') {
      const { path, body } = countRequest(request);
      return { path: `${prefix}${path}`, headers: json, body };
    }
    const verb = request.isStreamed ? 'invoke-with-response-stream' : 'invoke';
    return {
      path: `${prefix}${modelPath(request.upstreamModel)}/${verb}`,
      headers: request.isStreamed ? streamed : whole,
      body: messageBody(request),
    };
  };

  const stream = { name: parts.name, log: parts.log, judge: judgeAnswer, watched: 'all' } as const;

  return {
    origin: base.origin,
    sendsPings: false,
    maxBodyBytes: MOST_BYTES,
    boundsTimeToHeaders: false,
    countsTokens: true,
    prepare: (request) => authorisation.authorise(prepared(request), request),
    judge: (refusal) => judgeBedrock(refusal, authorisation),
    translate(answer, request) {
      if (request.endpoint === 'count_tokens') return countAnswer(answer);
      if (!request.isStreamed) return answer;
      if (NO_FRAMES.test(String(answer.headers['content-type'])))
        return judgedStream(answer, request, stream);
      const upstreamRequestId = requestIdOf(answer.headers);
      return {
        status: answer.status,
        headers: { ...answer.headers, 'content-type': 'text/event-stream' },
        ...eventsFromFrames(answer, (exception) => {
          logBrokenStream(parts.log, parts.name, upstreamRequestId, exception.message);
          return judgedException(exception, answer.headers, request);
        }),
      };
    },
  };
}
