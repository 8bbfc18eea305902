import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { type BodyBudget, createBodyBudget } from '../../../src/gateway/limits/body-budget.ts';
import {
  type Answered,
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
  answerEvents,
  message,
  reset,
  type StandInUpstream,
  startStream,
  upstreamForTest,
} from '../../support/upstream.ts';

const MAX_BYTES = 400_000;
const SHARE = MAX_BYTES / 8;

let upstream: StandInUpstream;
let clock: ManualClock;
let bodies: BodyBudget;
let gateway: TestGateway;
/** Answers one of the requests that the upstream holds. */
let answerNext: () => void;

beforeEach(async () => {
  const held: (() => void)[] = [];
  answerNext = () => held.shift()?.();
  upstream = await upstreamForTest((received, response) => {
    held.push(() => void message()(received, response));
  });
  clock = createManualClock();
  bodies = createBodyBudget({ maxBytes: MAX_BYTES }, clock);
  gateway = await openForTest([{ name: 'a', url: upstream.url }], {
    admission: { bodies },
    callerOf: ({ headers }) => ({ sid: String(headers['x-session']) }),
  });
});

/** A request of exactly so many bytes. */
function ofSize(bytes: number): Buffer {
  const empty = JSON.stringify({ ...request, filler: '' }).length;
  return Buffer.from(JSON.stringify({ ...request, filler: 'x'.repeat(bytes - empty) }));
}

const from = (session: string, signal?: AbortSignal) => ({
  headers: { 'x-session': session },
  ...(signal ? { signal } : {}),
});

const send = (session: string, bytes: number) => post(gateway, ofSize(bytes), from(session));

function expectOverloaded(answer: Answered, sentence: string): void {
  expect(answer.status).toBe(529);
  expect(answer.headers['retry-after']).toBe('5');
  expect(errorOf(answer)).toEqual({ type: 'overloaded_error', message: sentence });
}

describe('a body for which there is no room', () => {
  it('waits, and is served when another request has ended', async () => {
    const first = send('a', 300_000);
    await upstream.request(0);
    expect(bodies.heldBytes).toBe(300_000);
    const second = send('b', 150_000);
    expect(await clock.sleeper()).toBe(10_000);
    expect(upstream.requests).toHaveLength(1);
    answerNext();
    expect((await first).status).toBe(200);
    await upstream.request(1);
    answerNext();
    expect((await second).status).toBe(200);
    expect(upstream.requests[1]?.body.equals(ofSize(150_000))).toBe(true);
    expect(bodies.heldBytes).toBe(0);
  });

  it('is refused when it has waited for ten seconds', async () => {
    const first = send('a', 300_000);
    await upstream.request(0);
    const second = send('b', 150_000);
    await clock.sleeper();
    clock.advance(10_000);
    expectOverloaded(
      await second,
      'the gateway holds as many request bytes as limits.max_buffered_bytes allows; try again',
    );
    expect(await gateway.event()).toMatchObject({ status: 529, outcome: 'refused', attempts: 0 });
    answerNext();
    expect((await first).status).toBe(200);
    expect(upstream.requests).toHaveLength(1);
  });

  it('is not asked for by 100 Continue before there is', async () => {
    const first = send('a', 300_000);
    await upstream.request(0);
    const waiting = httpRequest(`${gateway.url}/v1/messages`, {
      method: 'POST',
      agent: false,
      headers: { expect: '100-continue', 'content-length': 150_000, 'x-session': 'b' },
    });
    let mayContinue = false;
    waiting.on('continue', () => {
      mayContinue = true;
      waiting.end(ofSize(150_000));
    });
    const answered = once(waiting, 'response');
    waiting.flushHeaders();
    await clock.sleeper();
    expect(mayContinue).toBe(false);
    answerNext();
    await first;
    await upstream.request(1);
    answerNext();
    const [answer] = await answered;
    expect((await readAll(answer)).status).toBe(200);
    expect(mayContinue).toBe(true);
  });

  it('leaves the line when its client leaves', async () => {
    const first = send('a', 390_000);
    await upstream.request(0);
    const leaving = new AbortController();
    const second = post(gateway, ofSize(20_000), from('b', leaving.signal)).catch(() => 'left');
    await clock.sleeper();
    leaving.abort();
    expect(await second).toBe('left');
    expect(await gateway.event()).toMatchObject({ outcome: 'client_left', status: 499, attempts: 0 });
    const third = send('c', 5_000);
    await upstream.request(1);
    answerNext();
    answerNext();
    expect([(await first).status, (await third).status]).toEqual([200, 200]);
    expect(bodies.heldBytes).toBe(0);
  });

  it('so large that nobody reads on is missed at the latest when its turn comes', async () => {
    const first = send('a', 300_000);
    await upstream.request(0);
    const leaving = new AbortController();
    const second = post(gateway, ofSize(350_000), from('b', leaving.signal)).catch(() => 'left');
    await clock.sleeper();
    leaving.abort();
    expect(await second).toBe('left');
    answerNext();
    expect((await first).status).toBe(200);
    expect(await gateway.event(1)).toMatchObject({ outcome: 'client_left' });
    expect(bodies.heldBytes).toBe(0);
  });
});

describe('one session', () => {
  it('may hold an eighth, while others go on', async () => {
    const first = send('a', 30_000);
    await upstream.request(0);
    const second = send('a', SHARE - 29_000);
    await clock.sleeper();
    const other = send('b', 30_000);
    await upstream.request(1);
    clock.advance(10_000);
    expectOverloaded(
      await second,
      'your requests under way hold as many bytes as limits.max_buffered_bytes allows one session; try again',
    );
    answerNext();
    answerNext();
    expect([(await first).status, (await other).status]).toEqual([200, 200]);
  });

  it('may send a larger body by itself, and the next one after it', async () => {
    const large = send('a', 200_000);
    await upstream.request(0);
    const next = send('a', 10_000);
    await clock.sleeper();
    answerNext();
    await upstream.request(1);
    answerNext();
    expect([(await large).status, (await next).status]).toEqual([200, 200]);
  });
});

describe('a body of unknown size', () => {
  const headers = (session: string) => ({ 'x-session': session, 'content-encoding': 'gzip' });

  it('counts as what it is inflated', async () => {
    const body = ofSize(350_000);
    const sent = post(gateway, gzipSync(body), { headers: headers('a') });
    await upstream.request();
    expect(bodies.heldBytes).toBe(350_000);
    answerNext();
    expect((await sent).status).toBe(200);
    expect(upstream.requests[0]?.body.equals(body)).toBe(true);
    expect(bodies.heldBytes).toBe(0);
  });

  it('stands still where its room ends, and goes on when there is more', async () => {
    const first = send('a', 300_000);
    await upstream.request(0);
    const body = ofSize(350_000);
    const second = post(gateway, gzipSync(body), { headers: headers('b') });
    await clock.sleeper();
    expect(bodies.heldBytes).toBeLessThanOrEqual(MAX_BYTES);
    answerNext();
    await first;
    await upstream.request(1);
    answerNext();
    expect((await second).status).toBe(200);
    expect(upstream.requests[1]?.body.equals(body)).toBe(true);
    expect(bodies.heldBytes).toBe(0);
  });

  it('is refused when it has stood still for ten seconds, and gives its room back', async () => {
    const first = send('a', 300_000);
    await upstream.request(0);
    const second = post(gateway, gzipSync(ofSize(350_000)), { headers: headers('b') });
    await clock.sleeper();
    clock.advance(10_000);
    expect((await second).status).toBe(529);
    await gateway.event();
    expect(bodies.heldBytes).toBe(300_000);
    answerNext();
    await first;
    expect(bodies.heldBytes).toBe(0);
  });

  it('may come in chunks', async () => {
    const sent = httpRequest(`${gateway.url}/v1/messages`, {
      method: 'POST',
      agent: false,
      headers: headers('a'),
    });
    sent.removeHeader('content-encoding');
    const body = ofSize(200_000);
    for (let at = 0; at < body.length; at += 7_000) sent.write(body.subarray(at, at + 7_000));
    sent.end();
    const answered = once(sent, 'response');
    expect((await upstream.request()).body.equals(body)).toBe(true);
    expect(bodies.heldBytes).toBe(200_000);
    answerNext();
    const [answer] = await answered;
    expect((await readAll(answer)).status).toBe(200);
  });
});

describe('the room of a body', () => {
  it('is given back when a streamed answer begins, not when it ends', async () => {
    const events = answerEvents(['hello']);
    const streaming = Promise.withResolvers<() => void>();
    upstream.answer = (_request, response) => {
      startStream(response);
      response.write(events[0]);
      streaming.resolve(() => response.end(events.slice(1).join('')));
    };
    const answer = await open(gateway, { ...request, stream: true }, from('a'));
    await once(answer, 'readable');
    expect(bodies.heldBytes).toBe(0);
    (await streaming.promise)();
    expect((await readAll(answer)).body.toString()).toBe(events.join(''));
  });

  it.each([
    ['a body that is refused', Buffer.from('["x"]'), 400],
    ['a model that is not allowed', Buffer.from('{"model":"forbidden-model"}'), 400],
    ['a broken upstream', ofSize(300_000), 502],
  ])('is given back after %s', async (_, body, status) => {
    upstream.answer = reset;
    expect((await post(gateway, body, from('a'))).status).toBe(status);
    await gateway.event();
    expect(bodies.heldBytes).toBe(0);
  });

  it('is given back when the client leaves before the answer', async () => {
    const leaving = new AbortController();
    const sent = post(gateway, ofSize(300_000), from('a', leaving.signal)).catch(() => 'left');
    await upstream.request();
    leaving.abort();
    expect(await sent).toBe('left');
    expect(await gateway.event()).toMatchObject({ outcome: 'client_left' });
    expect(bodies.heldBytes).toBe(0);
  });

  it('is given back when the client leaves in the middle of its body', async () => {
    const sent = httpRequest(`${gateway.url}/v1/messages`, {
      method: 'POST',
      agent: false,
      headers: { 'content-length': 300_000, 'x-session': 'a', expect: '100-continue' },
    });
    sent.on('error', () => undefined);
    sent.flushHeaders();
    await once(sent, 'continue');
    expect(bodies.heldBytes).toBe(300_000);
    sent.write(Buffer.alloc(1_000));
    sent.destroy();
    expect(await gateway.event()).toMatchObject({ outcome: 'client_left' });
    expect(bodies.heldBytes).toBe(0);
  });
});
