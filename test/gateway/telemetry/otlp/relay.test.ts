import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Collector, hangUp, refuse, startCollector, take } from '../../../support/collector.ts';
import { everyForm, exportRequest, MEDIA_TYPES } from '../../../support/otlp-payloads.ts';
import { createRelayWorld, otlpBody, type RelayWorld } from './relay-world.ts';

let first: Collector;
let second: Collector;
let world: RelayWorld;

beforeEach(async () => {
  first = await startCollector();
  second = await startCollector();
});

afterEach(async () => {
  await world.close();
  await Promise.all([first.close(), second.close()]);
});

const marks = (collector: Collector) => collector.taken.map(({ body }) => body.toString('base64'));
const written = (names: readonly string[]) =>
  names.map((mark) => exportRequest('metrics', 'protobuf', mark).toString('base64'));

describe('a body', () => {
  it.each(everyForm)('of %s as %s reaches every destination byte for byte', async (signal, format) => {
    world = createRelayWorld([{ url: `${first.url}/otlp` }, { url: second.url }]);
    const bytes = exportRequest(signal, format);
    world.relay.take({ signal, mediaType: MEDIA_TYPES[format], isGzip: false, bytes });
    await Promise.all([first.hasTaken(1), second.hasTaken(1)]);
    for (const [collector, base] of [
      [first, '/otlp'],
      [second, ''],
    ] as const) {
      const [exported] = collector.taken;
      expect(exported?.path).toBe(`${base}/v1/${signal}`);
      expect(exported?.headers['content-type']).toBe(MEDIA_TYPES[format]);
      expect(exported?.headers['content-length']).toBe(String(bytes.length));
      expect(exported?.headers).not.toHaveProperty('content-encoding');
      expect(exported?.body.equals(bytes)).toBe(true);
    }
  });

  it('that was compressed goes on compressed', async () => {
    world = createRelayWorld([{ url: first.url }]);
    const bytes = gzipSync(exportRequest('logs', 'protobuf'));
    world.relay.take({ ...otlpBody('logs'), isGzip: true, bytes });
    await first.hasTaken(1);
    expect(first.taken[0]?.headers['content-encoding']).toBe('gzip');
    expect(first.taken[0]?.body.equals(bytes)).toBe(true);
  });

  it('goes only to destinations that take its signal, each with its own headers', async () => {
    world = createRelayWorld([
      {
        url: first.url,
        signals: ['metrics'],
        headers: { authorization: 'Bearer of-the-first', 'X-Org': '1' },
      },
      { url: second.url, signals: ['metrics', 'traces'], headers: { authorization: 'Bearer of-the-second' } },
    ]);
    world.relay.take(otlpBody('traces'));
    world.relay.take(otlpBody('logs'));
    world.relay.take(otlpBody('metrics'));
    await Promise.all([first.hasTaken(1), second.hasTaken(2)]);
    await world.idle();
    expect(first.asked.map(({ path }) => path)).toEqual(['/v1/metrics']);
    expect(second.asked.map(({ path }) => path).toSorted()).toEqual(['/v1/metrics', '/v1/traces']);
    expect(first.taken[0]?.headers).toMatchObject({ authorization: 'Bearer of-the-first', 'x-org': '1' });
    expect(second.taken[0]?.headers['authorization']).toBe('Bearer of-the-second');
  });

  it('takes the connection of the one before', async () => {
    world = createRelayWorld([{ url: first.url }]);
    for (let sent = 1; sent <= 5; sent += 1) {
      world.relay.take(otlpBody());
      await first.hasTaken(sent);
      await world.idle();
    }
    expect(first.connections).toBe(1);
  });
});

describe('under way to a destination', () => {
  const hold = (collector: Collector) => {
    const answers: (() => void)[] = [];
    collector.answer = (response, exported) => void answers.push(() => take(response, exported));
    return answers;
  };

  it.each([
    ['sixteen bodies', 100, 16],
    ['eight MiB', 4 * 1024 * 1024, 2],
  ])('are %s at once, and the others follow as these are answered', async (_what, size, atOnce) => {
    world = createRelayWorld([{ url: first.url }], { queueBytes: 128 * 1024 * 1024 });
    const answers = hold(first);
    for (let i = 0; i < 20; i += 1) world.relay.take({ ...otlpBody(), bytes: Buffer.alloc(size, i) });
    for (let answered = 0; answered < 20; answered += 1) {
      await first.hasBeenAsked(Math.min(atOnce + answered, 20));
      await new Promise(setImmediate);
      expect(first.asked.length).toBe(Math.min(atOnce + answered, 20));
      answers[answered]?.();
      await expect.poll(() => world.count('receiver-0 metrics delivered')).toBe(answered + 1);
    }
    expect(first.taken.map(({ body }) => body[0]).toSorted()).toEqual(
      Array.from({ length: 20 }, (_, i) => i).toSorted(),
    );
  });
});

describe('a destination that is down for a minute', () => {
  const names = Array.from({ length: 60 }, (_, second) => `second ${second}`);

  it.each([
    ['answers 503', refuse(503)],
    ['resets every connection', hangUp],
    ['refuses its own credential', refuse(401)],
  ])(
    'and %s gets all of it when it is back, and the other one misses nothing meanwhile',
    async (_how, down) => {
      world = createRelayWorld([{ url: first.url }, { url: second.url }]);
      second.answer = down;
      for (const mark of names) {
        world.relay.take(otlpBody('metrics', mark));
        await world.pass(1, 1_000);
      }
      expect(marks(first)).toEqual(written(names));
      expect(second.taken).toEqual([]);
      expect(world.queuedBytes('receiver-1')).toBeGreaterThan(0);
      second.answer = take;
      await world.pass(61, 1_000);
      expect(marks(second).toSorted()).toEqual(written(names).toSorted());
      expect(world.queuedBytes('receiver-1')).toBe(0);
      expect(first.asked.length).toBe(names.length);
      expect(world.count('receiver-1 metrics delivered')).toBe(names.length);
      expect(world.told.filter((line) => /expired|dropped|refused/.test(line))).toEqual([]);
    },
  );
});

describe('one signal', () => {
  it('that a destination does not take holds no other up', async () => {
    world = createRelayWorld([{ url: first.url }]);
    first.answer = (response, exported) =>
      (exported.path === '/v1/logs' ? refuse(404) : take)(response, exported);
    for (let i = 0; i < 20; i += 1) {
      world.relay.take(otlpBody('logs', `log ${i}`));
      world.relay.take(otlpBody('metrics', `metric ${i}`));
      await world.idle();
    }
    expect(world.count('receiver-0 metrics delivered')).toBe(20);
    expect(world.count('receiver-0 logs delivered')).toBe(0);
  });
});

describe('what is written down', () => {
  it('names destination, signal, number and reason, once a minute, and nothing of body, header or answer', async () => {
    world = createRelayWorld([{ url: first.url, headers: { authorization: 'Bearer of-the-first' } }]);
    first.answer = refuse(400);
    for (let i = 0; i < 3; i += 1) {
      world.relay.take(otlpBody('logs', 'a kumquat', 'json'));
      await world.idle();
    }
    const size = exportRequest('logs', 'json').length;
    expect(world.log.lines).toEqual([
      `warn telemetry to receiver-0: 1 body (${size} bytes) of logs refused with HTTP 400`,
    ]);
    world.clock.advance(60_000);
    await world.idle();
    expect(world.log.lines.slice(1)).toEqual([
      `warn telemetry to receiver-0: 2 bodies (${2 * size} bytes) of logs refused with HTTP 400`,
    ]);
    expect(world.log.lines.join('\n')).not.toMatch(/kumquat|of-the-first|words of the collector|claude_code/);
  });
});
