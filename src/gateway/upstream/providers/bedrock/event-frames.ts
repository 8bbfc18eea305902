import type { AnswerSource } from '../../../exchange.ts';
import { isOthersTurn, type StreamRefusal, shownEvent } from '../../stream-refusal.ts';
import { writeChunkEvent } from './chunk-event.ts';
import { frameHeaders } from './frame-headers.ts';
import { createFrameSplitter } from './frames.ts';
import { createOutput, type Output } from './output.ts';
import { StreamException, streamException } from './stream-exception.ts';

const FAILED = { type: 'api_error', message: 'upstream failed' };

/**
 * An AWS event stream as the server-sent events of the Messages API, as they arrive: what comes in one go leaves in one go.
 * An exception becomes an `error` event, after which nothing follows; one that comes before any event and is not about the
 * request fails the source instead, so that another upstream can serve. `judge` hears each, and says what it means.
 */
export function eventsFromFrames(
  source: AnswerSource,
  judge: (exception: StreamException) => StreamRefusal,
): AnswerSource {
  return {
    pause: source.pause,
    resume: source.resume,
    abort: source.abort,
    flow(sink) {
      const reader = createFrameReader();
      let hasBegun = false;
      let isOver = false;

      const over = (tell: () => void): void => {
        if (isOver) return;
        isOver = true;
        tell();
      };

      const pass = (events: Buffer): void => {
        if (events.length === 0 || isOver) return;
        hasBegun = true;
        sink.chunk(events);
      };

      const breakOff = (error: Error): void => {
        const refusal = error instanceof StreamException ? judge(error) : undefined;
        if (refusal && (hasBegun || !isOthersTurn(refusal.judgement.verdict))) {
          pass(shownEvent(refusal.judgement.shown ?? FAILED));
          over(() => sink.end());
        } else over(() => sink.fail(refusal ?? error));
        source.abort();
      };

      source.flow({
        chunk(bytes) {
          if (isOver) return;
          const { events, failure } = reader.read(bytes);
          pass(events);
          if (failure) breakOff(failure);
        },
        end: () =>
          over(() =>
            reader.isMidFrame()
              ? sink.fail(new Error('its stream ended in the middle of a frame'))
              : sink.end(),
          ),
        fail: (error) => over(() => sink.fail(error)),
      });
    },
  };
}

interface FrameReader {
  /** The events of the frames that these bytes complete, and what came after them that ends the stream. */
  read(chunk: Buffer): { readonly events: Buffer; readonly failure: Error | undefined };
  isMidFrame(): boolean;
}

function createFrameReader(): FrameReader {
  /** The headers of a `chunk` frame, which are the same in every one. */
  let chunkHeaders: Buffer | undefined;
  const nothing = createOutput(0);
  let output: Output = nothing;

  const isChunk = (bytes: Buffer, start: number, end: number): boolean =>
    chunkHeaders?.length === end - start && isAt(bytes, chunkHeaders, start);

  const splitter = createFrameSplitter((bytes, start, payload, end) => {
    if (isChunk(bytes, start, payload)) return writeChunkEvent(bytes, payload, end, output);
    const headers = frameHeaders(bytes, start, payload);
    const kind = headers.get(':message-type');
    if (kind === 'exception' || kind === 'error')
      throw streamException(headers, Buffer.from(bytes.subarray(payload, end)));
    if (headers.get(':event-type') !== 'chunk') return;
    chunkHeaders = Buffer.from(bytes.subarray(start, payload));
    writeChunkEvent(bytes, payload, end, output);
  });

  return {
    isMidFrame: splitter.isMidFrame,
    read(chunk) {
      // Base64 and what is around it take more room than the events do.
      output = createOutput(chunk.length);
      let failure: Error | undefined;
      try {
        splitter.read(chunk);
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
      }
      const events = output.written();
      output = nothing;
      return { events, failure };
    },
  };
}

function isAt(bytes: Buffer, word: Buffer, start: number): boolean {
  for (let i = 0; i < word.length; i += 1) if (bytes[start + i] !== word[i]) return false;
  return true;
}
