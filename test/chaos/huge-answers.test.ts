import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openWorld, SOUND, soundly, type World } from '../support/chaos-world.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { type Answerer, startStream } from '../support/upstream.ts';

const HUGE = Buffer.alloc(100 * 1024 * 1024, 'x');
const TEXT = SOUND.join('');
const JSON_HEAD = { 'content-type': 'application/json' };

/** These pieces, each as soon as the one before it has left. */
async function send(
  response: Parameters<Answerer>[1],
  ...pieces: readonly (string | Buffer)[]
): Promise<void> {
  const left = once(response, 'close');
  for (const piece of pieces) if (!response.write(piece)) await Promise.race([once(response, 'drain'), left]);
  response.end();
}

const inStream =
  (before: string, after: string): Answerer =>
  (_request, response) => {
    startStream(response);
    return send(response, before, HUGE, after);
  };

let world: World;

beforeAll(async () => {
  // A client that does not read makes its upstream stand still.
  const timeouts = { upstream_ttfb_ms: 2_000, upstream_idle_ms: 60_000 };
  world = await openWorld({ store: { embedded: await newEmbeddedFolder() }, config: { timeouts } });
});

afterAll(() => world?.close());

const [start = '', ...others] = SOUND;

it.each([
  ['that means nothing', `${start}: `, `\n\n${others.join('')}`, 3],
  [
    'of text',
    `${start}event: content_block_delta\ndata: {"type":"content_block_delta","x":"`,
    `"}\n\n${others.join('')}`,
    3,
  ],
  ['that names an event', `${start}event: `, `\ndata: {}\n\n${others.join('')}`, 3],
  [
    'of what is counted',
    `${start}event: message_delta\ndata: {"usage":{"output_tokens":9},"x":"`,
    `"}\n\n${others.join('')}`,
    3,
  ],
])('a line of 100 MB %s passes; afterwards all is as before', async (_what, before, after, tokens) => {
  world.first.answer = inStream(before, after);
  const answers = await Promise.all([world.infer({ isStreamed: true }), world.infer({ isStreamed: true })]);
  for (const { id, text, ...end } of answers) {
    expect(end).toMatchObject({ status: 200, isComplete: true });
    expect(text.length).toBe(before.length + HUGE.length + after.length);
    expect(text.endsWith(after)).toBe(true);
    expect(await world.ledger.eventOf(id)).toMatchObject({ outcome: 'complete', output_tokens: tokens });
  }
  world.first.answer = soundly;
  await world.expectSteady();
});

it('a client that does not read 100 MB holds up its upstream, not the memory; afterwards all is as before', async () => {
  const rest = world.level().residentBytes;
  world.first.answer = inStream(start, others.join(''));
  const begun = await Promise.all(Array.from({ length: 5 }, () => world.ledger.begin({ isStreamed: true })));
  for (const { answer } of begun) answer.pause();
  // Meanwhile others are served, one after the other.
  world.first.answer = soundly;
  for (let i = 0; i < 20; i += 1)
    expect(await world.infer({ isStreamed: true })).toMatchObject({ text: TEXT });
  expect(world.level().residentBytes - rest).toBeLessThan(HUGE.length);
  for (const { answer } of begun) answer.destroy();
  for (const { id } of begun)
    expect(await world.ledger.eventOf(id)).toMatchObject({ outcome: 'client_left', input_tokens: 12 });
  await world.expectSteady();
});

it.each<[string, boolean, Answerer]>([
  ['a whole answer', false, (_request, response) => send(response.writeHead(200, JSON_HEAD), HUGE)],
  ['an error', true, (_request, response) => send(response.writeHead(500, JSON_HEAD), HUGE)],
  [
    'a head',
    true,
    (_request, { socket }) => {
      socket?.write('HTTP/1.1 200 OK\r\nx-a: ');
      socket?.write(HUGE);
    },
  ],
])(
  '%s of 100 MB is given up, and the next upstream serves; afterwards all is as before',
  async (_what, isStreamed, answer) => {
    world.first.answer = answer;
    const answers = await Promise.all([world.infer({ isStreamed }), world.infer({ isStreamed })]);
    for (const { id, ...end } of answers) {
      expect(end).toMatchObject({ status: 200, isComplete: true });
      expect(await world.ledger.eventOf(id)).toMatchObject({ outcome: 'complete', upstream: 'second' });
    }
    world.first.answer = soundly;
    await world.expectSteady();
  },
);
