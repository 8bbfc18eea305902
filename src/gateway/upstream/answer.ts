import type { Answer, AnswerSource } from '../exchange.ts';
import type { Provider, Refusal, ShownError, TransportAnswer } from './provider.ts';
import { answerHeaders } from './response-headers.ts';

/** An upstream's answer as the client is to get it. */
export function answerFrom(
  { name, provider }: { readonly name: string; readonly provider: Provider },
  upstreamModel: string,
  source: TransportAnswer,
  isStreamExpected: boolean,
): Answer {
  const { headers, upstreamRequestId, isEventStream } = answerHeaders(source.headers, isStreamExpected);
  return {
    upstreamName: name,
    upstreamModel,
    upstreamRequestId,
    status: source.status,
    headers,
    isEventStream,
    sendsPings: provider.sendsPings,
    source,
  };
}

/** A body that is here already. */
export function wholeSource(body: Buffer): AnswerSource {
  return {
    flow(sink) {
      if (body.length > 0) sink.chunk(body);
      sink.end();
    },
    pause: () => undefined,
    resume: () => undefined,
    abort: () => undefined,
  };
}

/** A refusal as the client is to get it: in the upstream's words, or in those that it may read. */
export function refusalAnswer(
  asked: { readonly name: string; readonly provider: Provider },
  { status, headers, body, request }: Refusal,
  shown: ShownError | undefined,
  requestId: string,
): Answer {
  const source = shown ? shownAs(shown, headers, requestId) : { headers, ...wholeSource(body) };
  const answer = answerFrom(asked, request.upstreamModel, { status, ...source }, false);
  return { ...answer, isEventStream: false };
}

/** The head and body of an error in the Messages API's envelope, in place of what the upstream said. */
function shownAs(
  { type, message }: ShownError,
  headers: TransportAnswer['headers'],
  requestId: string,
): Omit<TransportAnswer, 'status'> {
  const body = JSON.stringify({ type: 'error', error: { type, message }, request_id: requestId });
  return {
    headers: { ...headers, 'content-type': 'application/json', 'content-encoding': undefined },
    ...wholeSource(Buffer.from(body)),
  };
}
