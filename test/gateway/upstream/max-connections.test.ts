import { once } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  open,
  openForTest,
  post,
  readAll,
  request,
  type TestGateway,
} from '../../support/inference-gateway.ts';
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts';
import { startTwoUpstreams } from '../../support/two-upstreams.ts';
import {
  type Answerer,
  answerEvents,
  message,
  refusal,
  reset,
  type StandInUpstream,
  startStream,
  stream,
} from '../../support/upstream.ts';

const TTFB_MS = 60_000;
const streamed = { ...request, stream: true };

let first: StandInUpstream;
let second: StandInUpstream;
let gateway: TestGateway;
let clock: ManualClock;

/** The requests that the first upstream has not answered, oldest first; a call answers. */
let unanswered: ((answer: Answerer) => Promise<void>)[];

const hold: Answerer = (received, response) => {
  unanswered.push(async (answer) => {
    await answer(received, response);
  });
};

async function openGateway(max: number, others: 'second' | 'none' = 'second'): Promise<void> {
  gateway = await openForTest(
    [
      { name: 'first', url: first.url, maxConnections: max },
      ...(others === 'none' ? [] : [{ name: 'second', url: second.url }]),
    ],
    { upstreamClock: clock, ttfbMs: TTFB_MS },
  );
}

beforeEach(async () => {
  unanswered = [];
  clock = createManualClock();
  ({ first, second } = await startTwoUpstreams(hold));
});

describe('max_connections', () => {
  it('is how many requests an upstream gets at a time; the others are served after them', async () => {
    await openGateway(3, 'none');
    let most = 0;
    first.answer = (received, response) => {
      hold(received, response);
      most = Math.max(most, unanswered.length);
      if (unanswered.length === 3)
        setImmediate(() => unanswered.splice(0).forEach((end) => void end(message())));
    };
    const answers = await Promise.all(Array.from({ length: 30 }, () => post(gateway, request)));
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(200));
    expect(most).toBe(3);
  });

  it('makes one request wait for another, with a warning that names the key', async () => {
    await openGateway(1);
    const one = post(gateway, request);
    await first.request(0);
    expect(gateway.log).toEqual([]);
    const two = post(gateway, request);
    await clock.sleeper();
    expect(first.requests).toHaveLength(1);
    expect(gateway.log).toEqual([
      'warn upstream first: requests wait; upstreams[].max_connections of first is 1',
    ]);
    await unanswered.shift()?.(message());
    await first.request(1);
    await unanswered.shift()?.(message());
    expect([(await one).status, (await two).status]).toEqual([200, 200]);
    expect(second.requests).toHaveLength(0);
  });

  it('leads to the next upstream when the wait takes longer than an answer may', async () => {
    await openGateway(1);
    const one = post(gateway, request);
    await first.request(0);
    const two = post(gateway, request);
    expect(await clock.sleeper()).toBe(TTFB_MS);
    clock.advance(TTFB_MS);
    expect((await two).status).toBe(200);
    expect(second.requests).toHaveLength(1);
    expect(await gateway.event()).toMatchObject({ attempts: 1, upstream: 'second' });
    expect(gateway.log.join('\n')).toMatch(
      /^warn upstream first failed: no place within 60000 ms \(upstreams\[\]\.max_connections of first\)/m,
    );
    expect(gateway.cooldowns).toEqual([]);
    await unanswered.shift()?.(message());
    expect((await one).status).toBe(200);
  });

  it('leads to a 502 when there is no other upstream', async () => {
    await openGateway(1, 'none');
    const one = post(gateway, request);
    await first.request(0);
    const two = post(gateway, streamed);
    await clock.sleeper();
    clock.advance(TTFB_MS);
    expect((await two).status).toBe(502);
    await unanswered.shift()?.(message());
    await one;
  });

  it('counts the wait toward the time that the answer may take to begin', async () => {
    gateway = await openForTest([{ name: 'first', url: first.url, maxConnections: 1 }], {
      upstreamClock: clock,
      ttfbMs: TTFB_MS,
    });
    const one = post(gateway, request);
    await first.request(0);
    const two = post(gateway, streamed);
    await clock.sleeper();
    clock.advance(TTFB_MS - 100);
    // Of the time nothing but a tenth of a second is left, which real time takes.
    await unanswered.shift()?.(message());
    await one;
    expect((await two).status).toBe(502);
    expect(first.requests).toHaveLength(2);
    expect(await gateway.event(1)).toMatchObject({ attempts: 1, outcome: 'upstream_broke' });
  });

  it('is kept to by a request that goes out once more: it has its place until the last answer', async () => {
    const prepared: string[] = [];
    let goOn: () => void = () => undefined;
    const repeat = Promise.withResolvers<void>();
    gateway = await openForTest(
      [
        {
          name: 'first',
          url: first.url,
          maxConnections: 1,
          descriptor: {
            judge: () => ({ verdict: 'account', shown: undefined, isWorthRepeating: true }),
            prepare({ query, body }) {
              prepared.push(query);
              const request = { path: '/', headers: [], body: body.bytes };
              if (prepared.length !== 2) return request;
              repeat.resolve();
              return new Promise((resolve) => {
                goOn = () => resolve(request);
              });
            },
          },
        },
      ],
      { upstreamClock: clock, ttfbMs: TTFB_MS },
    );
    const one = post(gateway, request, { path: '/v1/messages?one' });
    await first.request(0);
    const two = post(gateway, request, { path: '/v1/messages?two' });
    await clock.sleeper();
    await unanswered.shift()?.(refusal(401, 'authentication_error'));
    await repeat.promise;
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(prepared).toEqual(['?one', '?one']);
    first.answer = message();
    goOn();
    expect([(await one).status, (await two).status]).toEqual([200, 200]);
    expect(prepared).toEqual(['?one', '?one', '?two']);
  });

  it('lets a client that leaves out of the line', async () => {
    await openGateway(1);
    const one = post(gateway, request);
    await first.request(0);
    const leaving = new AbortController();
    const two = post(gateway, request, { signal: leaving.signal }).catch(() => 'left');
    await clock.sleeper();
    leaving.abort();
    expect(await two).toBe('left');
    expect(await gateway.event()).toMatchObject({ outcome: 'client_left', attempts: 0 });
    await unanswered.shift()?.(message());
    await one;
    first.answer = message();
    expect((await post(gateway, request)).status).toBe(200);
    expect(first.requests).toHaveLength(2);
  });

  it('turns those who wait to the next upstream when this one starts to cool down', async () => {
    await openGateway(1);
    const one = post(gateway, request);
    await first.request(0);
    const two = post(gateway, request);
    await clock.sleeper();
    await unanswered.shift()?.(refusal(429, 'rate_limit_error', 'no', { 'retry-after': '20' }));
    expect([(await one).status, (await two).status]).toEqual([200, 200]);
    expect(first.requests).toHaveLength(1);
    expect(second.requests).toHaveLength(2);
  });
});

describe('a place is free again after', () => {
  const events = answerEvents(['a', 'b']);
  const endings: readonly (readonly [string, Answerer])[] = [
    ['a whole answer', message()],
    ['a stream', stream(events.join(''))],
    ['a stream that ends too early', stream(events.slice(0, 3).join(''))],
    ['a refusal', refusal(400, 'invalid_request_error')],
    ['an error', refusal(500, 'api_error')],
    ['a reset', reset],
    [
      'a reset in the middle',
      (_request, response) => {
        startStream(response);
        response.write(events[0], () => response.socket?.resetAndDestroy());
      },
    ],
    [
      'an encoding that nobody asked for',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'br' });
        response.write('x');
      },
    ],
  ];

  it.each(endings)('%s', async (_name, answer) => {
    await openGateway(1, 'none');
    first.answer = answer;
    await post(gateway, streamed);
    first.answer = message();
    expect((await post(gateway, request)).status).toBe(200);
  });

  it('the client has left in the middle of a stream', async () => {
    await openGateway(1, 'none');
    first.answer = (_request, response) => {
      startStream(response);
      response.write(events[0]);
    };
    const leaving = new AbortController();
    const answer = await open(gateway, streamed, { signal: leaving.signal });
    await once(answer, 'data');
    const ended = readAll(answer);
    leaving.abort();
    await ended;
    first.answer = message();
    expect((await post(gateway, request)).status).toBe(200);
  });

  it('a credential that could not be had', async () => {
    gateway = await openForTest([
      {
        name: 'first',
        url: first.url,
        maxConnections: 1,
        descriptor: { prepare: () => Promise.reject(new Error('no credential')) },
      },
    ]);
    expect((await post(gateway, request)).status).toBe(502);
    expect((await post(gateway, request)).status).toBe(502);
    expect(first.requests).toHaveLength(0);
  });
});
