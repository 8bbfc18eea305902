import type { Answer, AnswerSource } from '../exchange.ts';
import type { Provider } from './provider.ts';
import { answerHeaders } from './response-headers.ts';
import type { TransportAnswer } from './transport.ts';

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
