import type { AnswerSource } from '../../../../../src/gateway/exchange.ts';
import { eventsFromFrames } from '../../../../../src/gateway/upstream/providers/bedrock/event-frames.ts';
import { judgedException } from '../../../../../src/gateway/upstream/providers/bedrock/judgement.ts';
import type { StreamException } from '../../../../../src/gateway/upstream/providers/bedrock/stream-exception.ts';
import { outgoingRequest } from '../../../../support/outgoing-request.ts';

/** What came out of frames that arrived in these chunks. */
export interface Decoded {
  readonly text: string;
  /** One for each time that something was handed on. */
  readonly pieces: readonly Buffer[];
  /** `end`, or what it failed with. */
  readonly ending: string;
  readonly exceptions: readonly StreamException[];
  /** The upstream's connection was given up. */
  readonly isAborted: boolean;
}

/** Runs chunks through the decoder; the source ends after the last, well unless told otherwise. */
export function decoded(chunks: readonly Buffer[], failure?: Error): Decoded {
  const pieces: Buffer[] = [];
  const endings: string[] = [];
  const exceptions: StreamException[] = [];
  let isAborted = false;
  const source: AnswerSource = {
    flow(sink) {
      for (const chunk of chunks) sink.chunk(chunk);
      if (failure) sink.fail(failure);
      else sink.end();
    },
    pause: () => undefined,
    resume: () => undefined,
    abort() {
      isAborted = true;
    },
  };
  eventsFromFrames(source, (exception) => {
    exceptions.push(exception);
    return judgedException(exception, {}, outgoingRequest());
  }).flow({
    chunk: (bytes) => pieces.push(Buffer.from(bytes)),
    end: () => endings.push('end'),
    fail: (error) => endings.push(error.message),
  });
  return {
    text: Buffer.concat(pieces).toString(),
    pieces,
    ending: endings.join(' and '),
    exceptions,
    isAborted,
  };
}
