import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { beforeEach, describe, expect, it } from 'vitest';
import { createDeveloperLimits } from '../../../src/gateway/limits/developers.ts';
import {
  errorOf,
  open,
  openForTest,
  post,
  readAll,
  request,
  type TestGateway,
} from '../../support/inference-gateway.ts';
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts';
import {
  type Answerer,
  answerEvents,
  message,
  refusal,
  reset,
  type StandInUpstream,
  startStream,
  stream,
  upstreamForTest,
} from '../../support/upstream.ts';

let upstream: StandInUpstream;
let clock: ManualClock;
let gateway: TestGateway;

beforeEach(async () => {
  upstream = await upstreamForTest();
  clock = createManualClock();
});

async function startGateway(limits: { concurrent?: number; requestsPerMinute?: number }): Promise<void> {
  const enterDeveloper = createDeveloperLimits(
    { concurrent: undefined, requestsPerMinute: undefined, ...limits },
    clock,
  );
  gateway = await openForTest([{ name: 'a', url: upstream.url }], {
    admission: { enterDeveloper },
    callerOf: ({ headers }) => ({ sub: String(headers['x-developer'] ?? 'ada') }),
  });
}

/** Answers only when told. */
function holding(): { readonly answer: Answerer; release(): void } {
  const waiting: (() => void)[] = [];
  return {
    answer: (received, response) => void waiting.push(() => void message()(received, response)),
    release: () => waiting.shift()?.(),
  };
}

describe('a developer with as many requests open as allowed', () => {
  it('is told which setting says so and when to try again, while others go on', async () => {
    await startGateway({ concurrent: 1 });
    const held = holding();
    upstream.answer = held.answer;
    const first = post(gateway, request);
    await upstream.request();
    const refused = await post(gateway, request);
    expect(refused.status).toBe(429);
    expect(refused.headers['retry-after']).toBe('5');
    expect(errorOf(refused)).toEqual({
      type: 'rate_limit_error',
      message:
        'you have 1 request open, as many as limits.per_developer.concurrent allows; wait for one to end',
    });
    expect(await gateway.event()).toMatchObject({ status: 429, outcome: 'refused', attempts: 0 });
    const other = post(gateway, request, { headers: { 'x-developer': 'ben' } });
    await upstream.request(1);
    held.release();
    held.release();
    expect([(await first).status, (await other).status]).toEqual([200, 200]);
  });

  it('may not count tokens either: it is a request like the others', async () => {
    await startGateway({ concurrent: 1 });
    const held = holding();
    upstream.answer = held.answer;
    const counting = post(gateway, request, { path: '/v1/messages/count_tokens' });
    await upstream.request();
    expect((await post(gateway, request)).status).toBe(429);
    expect((await post(gateway, request, { path: '/v1/messages/count_tokens' })).status).toBe(429);
    held.release();
    expect((await counting).status).toBe(200);
  });
});

describe('a place among the requests of a developer is free again', () => {
  const events = answerEvents(['hello']);

  it.each<[string, Answerer, unknown]>([
    ['an answer', message(), request],
    ['a streamed answer', stream(...events), { ...request, stream: true }],
    ['a refusal by the upstream', refusal(400, 'invalid_request_error'), request],
    ['a broken upstream', reset, request],
    ['a stream that broke off', stream(...events.slice(0, 3)), { ...request, stream: true }],
    ['a body that makes no sense', message(), ['x']],
    ['a model that is not allowed', message(), { model: 'forbidden-model' }],
  ])('after %s', async (_, answer, body) => {
    await startGateway({ concurrent: 1 });
    upstream.answer = answer;
    await post(gateway, body);
    await gateway.event();
    upstream.answer = message();
    expect((await post(gateway, request)).status).toBe(200);
  });

  it('after the client left before the answer', async () => {
    await startGateway({ concurrent: 1 });
    upstream.answer = () => undefined;
    const leaving = new AbortController();
    const first = post(gateway, request, { signal: leaving.signal }).catch(() => 'left');
    await upstream.request();
    leaving.abort();
    expect(await first).toBe('left');
    await gateway.event();
    upstream.answer = message();
    expect((await post(gateway, request)).status).toBe(200);
  });

  it('after the client left in the middle of the answer', async () => {
    await startGateway({ concurrent: 1 });
    upstream.answer = (_request, response) => {
      startStream(response);
      response.write(events[0]);
    };
    const answer = await open(gateway, { ...request, stream: true });
    await once(answer, 'readable');
    expect((await post(gateway, request)).status).toBe(429);
    answer.destroy();
    await readAll(answer);
    await gateway.event(1);
    upstream.answer = message();
    expect((await post(gateway, request)).status).toBe(200);
  });

  it('after the client left in the middle of its body', async () => {
    await startGateway({ concurrent: 1 });
    const sent = httpRequest(`${gateway.url}/v1/messages`, {
      method: 'POST',
      agent: false,
      headers: { 'content-length': 1_000, expect: '100-continue' },
    });
    sent.on('error', () => undefined);
    sent.flushHeaders();
    await once(sent, 'continue');
    expect((await post(gateway, request)).status).toBe(429);
    sent.destroy();
    await gateway.event(1);
    expect((await post(gateway, request)).status).toBe(200);
  });
});

describe('a developer who has started as many requests as a minute allows', () => {
  it('is told when the next one may start', async () => {
    await startGateway({ requestsPerMinute: 2 });
    expect((await post(gateway, request)).status).toBe(200);
    clock.advance(30_000);
    expect((await post(gateway, request, { path: '/v1/messages/count_tokens' })).status).toBe(200);
    const refused = await post(gateway, request);
    expect(refused.status).toBe(429);
    expect(refused.headers['retry-after']).toBe('31');
    expect(errorOf(refused)).toEqual({
      type: 'rate_limit_error',
      message:
        'you have started 2 requests within a minute, as many as limits.per_developer.requests_per_minute allows; try again in 31 s',
    });
    clock.advance(31_000);
    expect((await post(gateway, request)).status).toBe(200);
  });
});
