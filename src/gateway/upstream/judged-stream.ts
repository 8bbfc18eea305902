import type { Log } from '../../kernel/log.ts';
import { readJson } from './cloud-error-shapes.ts';
import { createErrorEventFinder } from './error-event-finder.ts';
import { logBrokenStream } from './failure-log.ts';
import type { Judgement, OutgoingRequest, Refusal, TransportAnswer } from './provider.ts';
import { isEventStreamOf, requestIdOf } from './response-headers.ts';
import { isOthersTurn, StreamRefusal, shownEvent, statusOfError } from './stream-refusal.ts';

export interface JudgedStreamParts {
  /** What the operator calls the upstream. */
  readonly name: string;
  readonly log: Log;
  readonly judge: (refusal: Refusal) => Judgement;
  /** `first`: the words of its errors are the client's, but one that comes before any event may be another one's turn. */
  readonly watched: 'all' | 'first';
}

/**
 * A streamed answer whose `error` event is judged like the answer that it would have been before the stream began. What is
 * not for the client goes to the log. One that comes before any event and is not about the request fails the source with
 * a StreamRefusal, so that another upstream can serve. Answers that are no events are as they were.
 */
export function judgedStream(
  answer: TransportAnswer,
  request: OutgoingRequest,
  { name, log, judge, watched }: JudgedStreamParts,
): TransportAnswer {
  if (!request.isStreamed) return answer;
  if (!isEventStreamOf(answer.headers, true)) return answer;

  const flow: TransportAnswer['flow'] = (sink) => {
    const finder = createErrorEventFinder();
    let isWatching = true;
    let hasBegun = false;
    let isOver = false;

    const pass = (bytes: Buffer | undefined): void => {
      if (!bytes || bytes.length === 0) return;
      hasBegun = true;
      sink.chunk(bytes);
    };

    const stopWatching = (error: Buffer | undefined): void => {
      isWatching = false;
      const late = finder.end();
      pass(late.passed);
      pass(error ?? late.error);
    };

    const refuse = (event: Buffer): void => {
      const refusal = refusalIn(event, answer.headers, request);
      const judgement = judge(refusal);
      const { verdict, shown } = judgement;
      if (shown) logBrokenStream(log, name, requestIdOf(answer.headers), refusal.body.toString());
      isOver = true;
      if (!hasBegun && isOthersTurn(verdict)) {
        sink.fail(new StreamRefusal(`it sent an error event in place of an answer`, refusal, judgement));
      } else {
        pass(shown ? shownEvent(shown) : event);
        sink.end();
      }
      answer.abort();
    };

    const over = (tell: () => void): void => {
      if (isOver) return;
      const late = isWatching ? finder.end() : undefined;
      pass(late?.passed);
      if (late?.error) return refuse(late.error);
      isOver = true;
      tell();
    };

    answer.flow({
      chunk(bytes) {
        if (isOver) return;
        if (!isWatching) return sink.chunk(bytes);
        const { passed, error } = finder.read(bytes);
        pass(passed);
        if (hasBegun && watched === 'first') stopWatching(error);
        else if (error) refuse(error);
      },
      end: () => over(() => sink.end()),
      fail: (failure) => over(() => sink.fail(failure)),
    });
  };
  return { ...answer, flow };
}

function refusalIn(event: Buffer, headers: Refusal['headers'], request: OutgoingRequest): Refusal {
  const [first = ''] = event.toString().split(/\n\r?\n/);
  const lines = first.split(/\r?\n/).filter((line) => line.startsWith('data:'));
  const body = Buffer.from(lines.map((line) => line.slice('data:'.length).trimStart()).join('\n'));
  return { status: statusOfError(readJson(body)), headers, body, request };
}
