import { describe, expect, it } from 'vitest';
import type { AnswerSink } from '../../../src/gateway/exchange.ts';
import { cloudJudgement } from '../../../src/gateway/upstream/cloud-errors.ts';
import { type JudgedStreamParts, judgedStream } from '../../../src/gateway/upstream/judged-stream.ts';
import type { TransportAnswer } from '../../../src/gateway/upstream/provider.ts';
import { StreamRefusal } from '../../../src/gateway/upstream/stream-refusal.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { outgoingRequest } from '../../support/outgoing-request.ts';
import { PRIVATE_WORD } from '../../support/stand-ins/stand-in.ts';

const START = 'event: message_start\ndata: {"type":"message_start","message":{}}\n\n';
const errorEvent = (type: string, message = `arn of ${PRIVATE_WORD}`) =>
  `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type, message } })}\n\n`;

/** What comes out of a stream of these chunks, which then ends, or fails. */
function judged(
  chunks: readonly string[],
  { failure, watched = 'all' }: { failure?: Error; watched?: JudgedStreamParts['watched'] } = {},
) {
  const log = createMemoryLog();
  let isAborted = false;
  const answer: TransportAnswer = {
    status: 200,
    headers: { 'content-type': 'text/event-stream', 'request-id': 'req_1' },
    flow(sink) {
      for (const chunk of chunks) sink.chunk(Buffer.from(chunk));
      if (failure) sink.fail(failure);
      else sink.end();
    },
    pause: () => undefined,
    resume: () => undefined,
    abort() {
      isAborted = true;
    },
  };
  const judge: JudgedStreamParts['judge'] = (refusal) => {
    const judgement = cloudJudgement(refusal, { codes: {} });
    return watched === 'all' ? judgement : { ...judgement, shown: undefined };
  };
  let text = '';
  const endings: (Error | 'end')[] = [];
  const sink: AnswerSink = {
    chunk(bytes) {
      text += bytes.toString();
    },
    end: () => void endings.push('end'),
    fail: (error) => void endings.push(error),
  };
  const request = outgoingRequest({}, {}, { isStreamed: true });
  judgedStream(answer, request, { name: 'cloud', log, judge, watched }).flow(sink);
  return { text, endings, isAborted, log: log.lines.join('\n') };
}

describe("a cloud's error event", () => {
  it.each([
    ['overloaded_error', 'upstream overloaded'],
    ['rate_limit_error', 'upstream rate limit exceeded'],
    ['api_error', 'upstream failed'],
    ['some_new_error', 'upstream failed'],
  ])('%s in an answer keeps its type, and its words are for the operator', (type, message) => {
    const { text, endings, log, isAborted } = judged([START, errorEvent(type)]);
    expect(text).toBe(`${START}${errorEvent(type, message)}`);
    expect(endings).toEqual(['end']);
    expect(isAborted).toBe(true);
    expect(log).toMatch(
      /^warn upstream cloud broke off its stream upstream_request_id=req_1, in its own words/,
    );
    expect(log).toContain(PRIVATE_WORD);
  });

  it("about the request keeps the model's words, and is the client's even in the first place", () => {
    const error = errorEvent('invalid_request_error', 'max_tokens: too many');
    expect(judged([error])).toMatchObject({ text: error, endings: ['end'] });
  });

  it.each([
    ['overloaded_error', 529, 'capacity'],
    ['rate_limit_error', 429, 'capacity'],
    ['authentication_error', 401, 'account'],
    ['not_found_error', 404, 'model_missing'],
    ['api_error', 500, 'broken'],
  ])('%s in the first place is what %i would have been', (type, status, verdict) => {
    const { text, endings } = judged([errorEvent(type)]);
    expect(text).toBe('');
    const [failure] = endings;
    if (!(failure instanceof StreamRefusal)) throw new Error('it did not fail as a refusal');
    expect(failure.refusal.status).toBe(status);
    expect(failure.judgement.verdict).toBe(verdict);
    expect(failure.message).not.toContain(PRIVATE_WORD);
  });

  it.each([undefined, new Error('reset')])('that is cut off tells nothing private either (%s)', (failure) => {
    const options = failure ? { failure } : {};
    const { text, endings } = judged([START, errorEvent('api_error').slice(0, 90)], options);
    expect(text).toBe(`${START}${errorEvent('api_error', 'upstream failed')}`);
    expect(endings).toEqual(['end']);
  });

  it('is the last of its stream', () => {
    const { text, endings } = judged([`${START}${errorEvent('api_error')}${START}`, PRIVATE_WORD]);
    expect(text).toBe(`${START}${errorEvent('api_error', 'upstream failed')}`);
    expect(endings).toEqual(['end']);
  });
});

describe('where errors are shown as they are', () => {
  it.each([
    ['whole', [`${START}${errorEvent('overloaded_error')}: more\n\n`]],
    ['in pieces', [START.slice(0, 9), `${START.slice(9)}event: er`, 'ror\ndata: {}\n\n']],
  ])('nothing changes once a stream has begun, %s', (_how, chunks) => {
    expect(judged(chunks, { watched: 'first' })).toMatchObject({
      text: chunks.join(''),
      endings: ['end'],
      isAborted: false,
      log: '',
    });
  });

  it('an error in the first place is still another one’s turn', () => {
    const { text, endings } = judged([errorEvent('overloaded_error')], { watched: 'first' });
    expect(text).toBe('');
    expect(endings).toEqual([expect.any(StreamRefusal)]);
  });
});

describe('a stream that breaks', () => {
  it('fails as it did, after the bytes that were waiting', () => {
    const failure = new Error('reset');
    expect(judged([START, 'event: me'], { failure })).toMatchObject({
      text: `${START}event: me`,
      endings: [failure],
    });
  });
});
