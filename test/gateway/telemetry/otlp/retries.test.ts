import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Collector,
  type CollectorAnswer,
  hangUp,
  refuse,
  startCollector,
  take,
} from '../../../support/collector.ts';
import { createRelayWorld, otlpBody, type RelayWorld } from './relay-world.ts';

let collector: Collector;
let world: RelayWorld;

beforeEach(async () => {
  collector = await startCollector();
  world = createRelayWorld([{ url: collector.url }]);
});

afterEach(async () => {
  await world.close();
  await collector.close();
});

/** When attempts were made, in seconds since the first, over some time. */
async function attemptsWithin(seconds: number, stepMs = 1_000): Promise<number[]> {
  const at: number[] = [];
  const startMs = world.clock.monotonicMs();
  const { answer } = collector;
  collector.answer = (response, exported) => {
    at.push((world.clock.monotonicMs() - startMs) / 1000);
    answer(response, exported);
  };
  world.relay.take(otlpBody());
  await world.pass(seconds * (1_000 / stepMs), stepMs);
  return at;
}

describe('a failed attempt', () => {
  it('is repeated after one, two, four and eight seconds, and then once every half a minute', async () => {
    collector.answer = refuse(503);
    expect(await attemptsWithin(80)).toEqual([0, 1, 3, 7, 15, 45, 77]);
  });

  it.each([
    ['seconds', '20'],
    ['a date', new Date(Date.UTC(2026, 0, 1) + 20_000).toUTCString()],
  ])('is repeated when Retry-After says so, in %s', async (_form, value) => {
    collector.answer = refuse(429, { 'retry-after': value });
    expect(await attemptsWithin(21)).toEqual([0, 20]);
  });

  it('is repeated after five minutes when Retry-After asks for more, and that was the last time', async () => {
    collector.answer = refuse(503, { 'retry-after': '86400' });
    expect(await attemptsWithin(700, 10_000)).toEqual([0, 300]);
    expect(world.told).toEqual(['receiver-0 metrics failed', 'receiver-0 metrics expired']);
  });

  it('stands for all others while Retry-After holds', async () => {
    collector.answer = refuse(429, { 'retry-after': '20' });
    world.relay.take(otlpBody());
    await world.idle();
    collector.answer = take;
    world.relay.take(otlpBody());
    await world.pass(19, 1_000);
    expect(collector.asked.length).toBe(1);
    await world.pass(1, 1_000);
    expect(collector.taken.length).toBe(2);
  });

  it('is given up five minutes after the first, and said', async () => {
    collector.answer = refuse(500);
    world.relay.take(otlpBody());
    await world.pass(299, 1_000);
    expect(world.count('receiver-0 metrics expired')).toBe(0);
    await world.pass(60, 1_000);
    expect(world.count('receiver-0 metrics expired')).toBe(1);
    expect(world.queuedBytes('receiver-0')).toBe(0);
    await world.pass(60, 1_000);
    expect(world.log.lines.filter((line) => line.includes('given up'))).toEqual([
      expect.stringMatching(
        /^warn telemetry to receiver-0: 1 body \(\d+ bytes\) of metrics given up after five minutes \(HTTP 500\)$/,
      ),
    ]);
  });

  it('is one whose answer takes ten seconds', async () => {
    collector.answer = () => undefined;
    world.relay.take(otlpBody());
    await collector.hasBeenAsked(1);
    world.clock.advance(10_000);
    expect(await world.log.line(/not taken/)).toMatch(
      /1 body \(\d+ bytes\) of metrics not taken, to be tried again \(no answer within 10 s\)$/,
    );
  });

  it('is one that is sent elsewhere: nobody else sees the credential', async () => {
    const elsewhere = await startCollector();
    collector.answer = refuse(307, { location: `${elsewhere.url}/v1/metrics` });
    world.relay.take(otlpBody());
    await world.idle();
    expect(world.told).toEqual(['receiver-0 metrics failed']);
    expect(elsewhere.asked).toEqual([]);
    await elsewhere.close();
  });

  it.each<[string, CollectorAnswer, RegExp]>([
    ['a reset', hangUp, /\(UND_ERR_SOCKET\)|\(ECONNRESET\)/],
    ['a status', refuse(502), /\(HTTP 502\)/],
  ])('names what failed: %s', async (_what, answer, reason) => {
    collector.answer = answer;
    world.relay.take(otlpBody());
    expect(await world.log.line(/not taken/)).toMatch(reason);
  });
});

describe('five failures in a row', () => {
  beforeEach(async () => {
    collector.answer = refuse(503);
    for (let i = 0; i < 5; i += 1) {
      world.relay.take(otlpBody());
      await world.idle();
    }
  });

  it('leave the destination alone for half a minute', async () => {
    for (let i = 0; i < 20; i += 1) world.relay.take(otlpBody());
    await world.pass(29, 1_000);
    expect(collector.asked.length).toBe(5);
  });

  it('are followed by one attempt, and when that fails by the next half a minute', async () => {
    await world.pass(30, 1_000);
    expect(collector.asked.length).toBe(6);
    await world.pass(29, 1_000);
    expect(collector.asked.length).toBe(6);
  });

  it('are over with the first body that is taken', async () => {
    collector.answer = take;
    for (let i = 0; i < 20; i += 1) world.relay.take(otlpBody());
    await world.pass(30, 1_000);
    expect(collector.taken.length).toBe(25);
  });

  it('are over with the first body that is refused for what it is', async () => {
    collector.answer = refuse(400);
    await world.pass(30, 1_000);
    expect(world.count('receiver-0 metrics refused')).toBe(5);
  });
});

describe('a body that is refused for what it is', () => {
  it.each([400, 413, 415, 422, 431])('with %i is not sent again, and pauses nothing', async (status) => {
    collector.answer = refuse(status);
    for (let i = 0; i < 12; i += 1) {
      world.relay.take(otlpBody());
      await world.idle();
    }
    expect(collector.asked.length).toBe(12);
    expect(world.count('receiver-0 metrics refused')).toBe(12);
    await world.pass(120, 1_000);
    expect(collector.asked.length).toBe(12);
    expect(world.queuedBytes('receiver-0')).toBe(0);
  });

  it('does not count among failures in a row', async () => {
    for (let i = 0; i < 12; i += 1) {
      collector.answer = refuse(i % 3 === 2 ? 400 : 503, { 'retry-after': '0' });
      world.relay.take(otlpBody());
      await world.idle();
    }
    expect(collector.asked.length).toBe(12);
  });
});

describe('a credential that is renewed', () => {
  it('is shown, and told of when it is refused', async () => {
    const refused: string[] = [];
    const credential = {
      get: async () => ['authorization', `Bearer lease-${refused.length}`, 'x-goog-user-project', 'payer'],
      refused: (headers: readonly string[]) => refused.push(headers[1] ?? ''),
    };
    const own = createRelayWorld([{ url: collector.url, credential }]);
    collector.answer = (response, exported) =>
      (exported.headers['authorization'] === 'Bearer lease-0' ? refuse(401) : take)(response, exported);
    own.relay.take(otlpBody());
    await own.pass(1, 1_000);
    expect(refused).toEqual(['Bearer lease-0']);
    expect(collector.taken[0]?.headers).toMatchObject({
      authorization: 'Bearer lease-1',
      'x-goog-user-project': 'payer',
    });
    await own.close();
  });

  it('that cannot be had is a failure like any other', async () => {
    const credential = { get: () => Promise.reject(new Error('no credential')), refused: () => undefined };
    const own = createRelayWorld([{ url: collector.url, credential }]);
    own.relay.take(otlpBody());
    expect(await own.log.line(/not taken/)).toMatch(/\(no credential\)$/);
    await own.close();
  });
});
