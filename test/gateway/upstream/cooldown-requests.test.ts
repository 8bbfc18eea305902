import { beforeEach, describe, expect, it } from 'vitest';
import { errorOf, openForTest, post, request, type TestGateway } from '../../support/inference-gateway.ts';
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts';
import { type OfEither, openBefore, startTwoUpstreams } from '../../support/two-upstreams.ts';
import {
  type Answerer,
  answerEvents,
  event,
  message,
  refusal,
  reset,
  type StandInUpstream,
  startStream,
  stream,
} from '../../support/upstream.ts';

let first: StandInUpstream;
let second: StandInUpstream;
let gateway: TestGateway;
let clock: ManualClock;

const busy = (retryAfter: string, status = 429): Answerer =>
  refusal(status, 'rate_limit_error', 'slow down', { 'retry-after': retryAfter });

async function openGateway(changes?: OfEither): Promise<void> {
  gateway = await openBefore({ first, second }, changes, { upstreamClock: clock });
}

/** Which upstream answered, by the number of requests each got. */
async function asked(body: unknown = request): Promise<readonly [number, number]> {
  const before = [first.requests.length, second.requests.length] as const;
  await post(gateway, body);
  return [first.requests.length - before[0], second.requests.length - before[1]];
}

const headThenReset: Answerer = (_request, response) => {
  startStream(response);
  response.flushHeaders();
  setImmediate(() => response.socket?.resetAndDestroy());
};

/** Answers when told to. */
function held(answer: Answerer): { readonly answerer: Answerer; readonly letGo: () => void } {
  let letGo: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const answerer: Answerer = async (received, response) => {
    await released;
    await answer(received, response);
  };
  return { answerer, letGo };
}

beforeEach(async () => {
  clock = createManualClock();
  ({ first, second } = await startTwoUpstreams());
});

describe('an upstream that asked for time', () => {
  it.each([429, 529])('with %i is not asked again before it is over', async (status) => {
    await openGateway();
    first.answer = busy('12', status);
    expect(await asked()).toEqual([1, 1]);
    first.answer = message();
    expect(await asked()).toEqual([0, 1]);
    clock.advance(11_999);
    expect(await asked()).toEqual([0, 1]);
    clock.advance(1);
    expect(await asked()).toEqual([1, 0]);
    expect(await asked()).toEqual([1, 0]);
    expect(gateway.cooldowns).toEqual([
      { upstream: 'first', state: 'started', seconds: 12, reason: `answered_${status}` },
      { upstream: 'first', state: 'ended', seconds: 12 },
    ]);
    const log = gateway.log.join('\n');
    expect(log).toMatch(/^warn upstream first: cooldown of 12 s started \(answered_\d+\) request_id=req_/m);
    expect(log).toMatch(/^info upstream first: cooldown ended after 12 s request_id=req_/m);
  });

  it('is left alone for thirty seconds at most', async () => {
    await openGateway();
    first.answer = busy('3600');
    await asked();
    first.answer = message();
    clock.advance(29_999);
    expect(await asked()).toEqual([0, 1]);
    clock.advance(1);
    expect(await asked()).toEqual([1, 0]);
  });

  it('may say so as a date', async () => {
    await openGateway();
    first.answer = busy(new Date(clock.now() + 9_000).toUTCString());
    await asked();
    expect(gateway.cooldowns).toMatchObject([{ state: 'started', seconds: 9 }]);
  });

  it('is left alone by requests of all kinds and for all models', async () => {
    await openGateway();
    first.answer = busy('5');
    await asked();
    expect(await asked({ ...request, model: 'claude-other' })).toEqual([0, 1]);
    const counted = await post(gateway, request, { path: '/v1/messages/count_tokens' });
    expect(counted.status).toBe(200);
    expect(first.requests).toHaveLength(1);
  });

  it('is asked all the same for what no other upstream can serve', async () => {
    await openGateway({ second: { modelIds: { 'claude-test': 'claude-test' } } });
    first.answer = busy('5');
    await asked();
    first.answer = message();
    expect(await asked()).toEqual([0, 1]);
    expect(await asked({ ...request, model: 'claude-other' })).toEqual([1, 0]);
  });

  it('is the last resort when the others fail', async () => {
    await openGateway();
    first.answer = busy('5');
    await asked();
    first.answer = message();
    second.answer = refusal(500, 'api_error');
    expect(await asked()).toEqual([1, 1]);
    expect(await gateway.event(1)).toMatchObject({ attempts: 2, upstream: 'first', outcome: 'complete' });
    second.answer = message();
    expect(await asked()).toEqual([0, 1]);
  });

  it('is asked in its turn when all cool down, and the client gets the last word of the upstream', async () => {
    await openGateway();
    first.answer = busy('5');
    second.answer = busy('6');
    await asked();
    second.answer = busy('8');
    const answer = await post(gateway, request);
    expect(answer.status).toBe(429);
    expect(answer.headers['retry-after']).toBe('8');
    expect(errorOf(answer).type).toBe('rate_limit_error');
    expect(await gateway.event(1)).toMatchObject({ attempts: 2 });
    expect(gateway.cooldowns.map(({ upstream }) => upstream)).toEqual(['first', 'second']);
  });
});

describe('an upstream that could not be reached', () => {
  it('is left alone for five seconds, and again when its trial finds it no better', async () => {
    await openGateway();
    await first.close();
    const failures = () => gateway.log.filter((line) => line.includes('ECONNREFUSED')).length;
    for (let i = 0; i < 3; i += 1) await asked();
    expect(failures()).toBe(1);
    clock.advance(5_000);
    for (let i = 0; i < 3; i += 1) await asked();
    expect(failures()).toBe(2);
    expect(gateway.cooldowns).toEqual([
      { upstream: 'first', state: 'started', seconds: 5, reason: 'not_reached' },
      { upstream: 'first', state: 'started', seconds: 5, reason: 'not_reached' },
    ]);
    expect(gateway.events.map(({ upstream, attempts }) => [upstream, attempts])).toEqual(
      [2, 1, 1, 2, 1, 1].map((attempts) => ['second', attempts]),
    );
  });
});

describe('the trial after a cooldown', () => {
  beforeEach(async () => {
    await openGateway();
    first.answer = busy('5');
    await asked();
    clock.advance(5_000);
  });

  it('is one request; all others keep away until it is decided', async () => {
    const { answerer, letGo } = held(message());
    first.answer = answerer;
    const trial = post(gateway, request);
    await first.request(1);
    expect(await asked()).toEqual([0, 1]);
    expect(await asked()).toEqual([0, 1]);
    letGo();
    expect((await trial).status).toBe(200);
    expect(await asked()).toEqual([1, 0]);
  });

  it('is one request also when many come at the same moment', async () => {
    const { answerer, letGo } = held(message());
    first.answer = answerer;
    const all = Promise.all(Array.from({ length: 20 }, () => post(gateway, request)));
    await Promise.all([first.request(1), second.request(19)]);
    letGo();
    await all;
    expect(first.requests).toHaveLength(2);
    expect(second.requests).toHaveLength(20);
  });

  it.each([
    ['is broken', refusal(500, 'api_error')],
    ['breaks off', reset],
    ['is too busy without saying for how long', refusal(529, 'overloaded_error')],
  ])('starts another one when the upstream %s', async (_how, answer) => {
    first.answer = answer;
    expect(await asked()).toEqual([1, 1]);
    expect(await asked()).toEqual([0, 1]);
    expect(gateway.cooldowns.at(-1)).toMatchObject({ state: 'started', seconds: 5, reason: 'trial_failed' });
  });

  it("ends it also with an answer that is the client's own fault", async () => {
    first.answer = refusal(400, 'invalid_request_error');
    expect(await asked()).toEqual([1, 0]);
    expect(gateway.cooldowns.at(-1)).toMatchObject({ state: 'ended' });
  });

  it('passes to the next request when its client leaves', async () => {
    const { answerer, letGo } = held(message());
    first.answer = answerer;
    const leaving = new AbortController();
    const left = post(gateway, request, { signal: leaving.signal }).catch(() => 'left');
    await first.request(1);
    leaving.abort();
    expect(await left).toBe('left');
    expect(await gateway.event(1)).toMatchObject({ outcome: 'client_left' });
    letGo();
    expect(await asked()).toEqual([1, 0]);
    expect(gateway.cooldowns.at(-1)).toMatchObject({ state: 'ended' });
  });

  it.each([
    [
      'an error event in place of an answer',
      stream(event('error', { error: { type: 'overloaded_error', message: 'no' } })),
    ],
    ['a reset before the first byte', headThenReset],
    ['an end before the first byte', stream()],
  ])('has failed when the head of a stream is followed by %s', async (_what, answerer) => {
    first.answer = answerer;
    second.answer = stream(...answerEvents(['hi']));
    expect(await asked({ ...request, stream: true })).toEqual([1, 1]);
    expect(await asked({ ...request, stream: true })).toEqual([0, 1]);
    expect(gateway.cooldowns.slice(1)).toEqual([
      { upstream: 'first', state: 'started', seconds: 5, reason: 'trial_failed' },
    ]);
  });

  it('has succeeded with the first byte of a stream', async () => {
    first.answer = stream(...answerEvents(['hi']));
    expect(await asked({ ...request, stream: true })).toEqual([1, 0]);
    expect(gateway.cooldowns.at(-1)).toMatchObject({ state: 'ended' });
  });
});

describe('no cooldown follows', () => {
  it.each([
    ['429 that does not say for how long', refusal(429, 'rate_limit_error')],
    ['429 that may be tried again at once', busy('0')],
    ['500', refusal(500, 'api_error')],
    ['503, whatever it says', busy('20', 503)],
    ['reset', reset],
  ])('a %s', async (_what, answer) => {
    await openGateway();
    first.answer = answer;
    expect(await asked()).toEqual([1, 1]);
    expect(await asked()).toEqual([1, 1]);
    expect(gateway.cooldowns).toEqual([]);
  });

  it('a 429 that is about this developer', async () => {
    await openGateway({ first: { options: { forwardUserIdentity: true } } });
    first.answer = busy('9');
    expect(await asked()).toEqual([1, 0]);
    expect(await asked()).toEqual([1, 0]);
    expect(gateway.cooldowns).toEqual([]);
  });

  it('anything, where there is only one upstream', async () => {
    gateway = await openForTest([{ name: 'first', url: first.url }]);
    first.answer = busy('9');
    expect((await post(gateway, request)).status).toBe(429);
    first.answer = message();
    expect((await post(gateway, request)).status).toBe(200);
    expect(gateway.cooldowns).toEqual([]);
  });
});
