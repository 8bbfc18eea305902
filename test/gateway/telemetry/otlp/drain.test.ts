import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Collector, refuse, startCollector, take } from '../../../support/collector.ts';
import { createRelayWorld, otlpBody, type RelayWorld } from './relay-world.ts';

let first: Collector;
let second: Collector;
let world: RelayWorld;
const never = new AbortController().signal;

beforeEach(async () => {
  first = await startCollector();
  second = await startCollector();
  world = createRelayWorld([{ url: first.url }, { url: second.url }]);
});

afterEach(async () => {
  await world.close();
  await Promise.all([first.close(), second.close()]);
});

const reports = () => world.log.lines.filter((line) => line.includes('not delivered before the end'));

describe('at the end', () => {
  it('nothing is waited for, or said, when nothing is on the way', async () => {
    await world.relay.drain(never);
    world.relay.close();
    expect(world.log.lines).toEqual([]);
  });

  it('what is under way and queued is delivered first', async () => {
    const answers: (() => void)[] = [];
    first.answer = (response, exported) => void answers.push(() => take(response, exported));
    for (let i = 0; i < 20; i += 1) world.relay.take(otlpBody());
    await first.hasBeenAsked(16);
    let isDrained = false;
    const drained = world.relay.drain(never).then(() => {
      isDrained = true;
    });
    first.answer = take;
    for (const answer of answers.splice(1)) answer();
    await first.hasTaken(19);
    expect(isDrained).toBe(false);
    answers[0]?.();
    await drained;
    expect(first.taken.length).toBe(20);
    world.relay.close();
    expect(reports()).toEqual([]);
  });

  it('what waits for another attempt gets it at once', async () => {
    first.answer = refuse(503, { 'retry-after': '200' });
    world.relay.take(otlpBody());
    await world.idle();
    first.answer = take;
    await world.relay.drain(never);
    expect(first.taken.length).toBe(1);
  });

  it('a destination that was given five chances is not waited for, and said to miss what it misses', async () => {
    second.answer = refuse(503);
    for (let i = 0; i < 40; i += 1) {
      world.relay.take(otlpBody());
      await world.idle();
    }
    await world.relay.drain(never);
    world.relay.close();
    expect(first.taken.length).toBe(40);
    expect(second.asked.length).toBe(6);
    expect(reports()).toEqual([
      'warn telemetry to receiver-1: 40 bodies (40960 bytes) not delivered before the end',
    ]);
  });

  it('a destination that fails for the first time is tried for a while', async () => {
    first.answer = refuse(503);
    world.relay.take(otlpBody());
    const drained = world.relay.drain(never);
    await world.pass(3, 1_000);
    first.answer = take;
    await world.pass(4, 1_000);
    await drained;
    expect(first.taken.length).toBe(1);
  });

  it('the grace ends the waiting, and what hangs is cut off', async () => {
    first.answer = () => undefined;
    world.relay.take(otlpBody());
    await first.hasBeenAsked(1);
    await expect.poll(() => world.count('receiver-1 metrics delivered')).toBe(1);
    const grace = new AbortController();
    const drained = world.relay.drain(grace.signal);
    grace.abort();
    await drained;
    world.relay.close();
    expect(reports()).toEqual([
      'warn telemetry to receiver-0: 1 body (1024 bytes) not delivered before the end',
    ]);
  });
});

it('a closed relay takes nothing and sends nothing', async () => {
  first.answer = refuse(503);
  world.relay.take(otlpBody());
  await world.idle();
  world.relay.close();
  const { length } = first.asked;
  world.relay.take(otlpBody());
  world.clock.advance(600_000);
  await world.idle();
  expect(first.asked.length).toBe(length);
});
