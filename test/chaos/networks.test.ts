import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keeping, openWorld, SOUND, soundly, type World } from '../support/chaos-world.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { openRaw } from '../support/raw-http.ts';
import type { Direction } from '../support/tcp-relay.ts';
import { type Received, startStream } from '../support/upstream.ts';

const AT_ONCE = 6;
const TEXT = SOUND.join('');

let world: World;

beforeAll(async () => {
  world = await openWorld({ store: { embedded: await newEmbeddedFolder() } });
});

afterAll(() => world?.close());

const times = <T>(count: number, make: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, make));

describe('the network to an upstream', () => {
  it.each<[Direction, string, readonly number[]]>([
    ['up', 'a request', [0, 1, 40, 400, 700]],
    ['down', 'an answer', [0, 1, 15, 100, 200, 260, 300, 400, 700, 1_000, 1_200]],
  ])(
    'is cut (%s) at any byte of %s: the next upstream serves, or the stream looks broken; afterwards all is as before',
    async (direction, _what, places) => {
      for (const afterBytes of places) {
        world.network.mood = { kind: 'cut', direction, afterBytes };
        for (const { id, text, ...end } of await times(AT_ONCE, () => world.infer({ isStreamed: true }))) {
          const record = await world.ledger.eventOf(id);
          expect(end.status).toBe(200);
          if (end.isComplete) {
            expect(text).toBe(TEXT);
            expect(record).toMatchObject({ outcome: 'complete', input_tokens: 12, output_tokens: 3 });
          } else {
            expect(text === '' || TEXT.startsWith(text.replace(/event: error\ndata: .*\n\n$/, ''))).toBe(
              true,
            );
            expect(record).toMatchObject({ outcome: 'upstream_broke', upstream: 'first' });
          }
        }
        expect(world.network.cuts).toBeGreaterThan(0);
      }
      world.network.mood = { kind: 'pass' };
      await world.expectSteady();
    },
  );

  it('is down: the next upstream serves; afterwards all is as before', async () => {
    await world.network.down();
    for (const { id, ...end } of await times(AT_ONCE, () => world.infer({ isStreamed: true }))) {
      expect(end).toMatchObject({ text: TEXT, isComplete: true });
      expect(await world.ledger.eventOf(id)).toMatchObject({ upstream: 'second' });
    }
    await world.network.up();
    await world.expectSteady();
  });

  it('takes everything and gives nothing: the next upstream serves; afterwards all is as before', async () => {
    world.network.mood = { kind: 'hold' };
    for (const { id, ...end } of await times(AT_ONCE, () => world.infer({ isStreamed: true }))) {
      expect(end).toMatchObject({ text: TEXT, isComplete: true });
      expect(await world.ledger.eventOf(id)).toMatchObject({ upstream: 'second' });
    }
    world.network.mood = { kind: 'pass' };
    await world.expectSteady();
  });

  it('resets the connections that were kept for the next request, again and again; afterwards all is as before', async () => {
    world.first.answer = keeping;
    for (let i = 0; i < 5; i += 1) {
      await times(AT_ONCE, () => world.infer({ isStreamed: true }));
      const cut = world.network.down();
      const answers = await times(AT_ONCE, () => world.infer({ isStreamed: true }));
      await cut;
      await world.network.up();
      for (const answer of answers) expect(answer).toMatchObject({ text: TEXT, isComplete: true });
    }
    world.first.answer = soundly;
    await world.expectSteady();
  });
});

/** How far a client gets before it is gone, and what the audit trail says of it; undefined: that there was no request. */
interface Leaving {
  readonly phase: string;
  readonly outcome: string | undefined;
  leave(): Promise<string>;
}

/** The request of this name has reached the first upstream. */
async function arrived(id: string): Promise<void> {
  const isIt = ({ headers }: Received) => headers['x-claude-code-session-id'] === id;
  for (let i = 0; !isIt(await world.first.request(i)); ) i += 1;
}

const raw = async (isRequest: boolean, moreBytes = 0) =>
  world.ledger.raw(isRequest, { isStreamed: true, moreBytes });

const leavings: readonly Leaving[] = [
  {
    phase: 'before a byte',
    outcome: undefined,
    async leave() {
      const { id, connection } = await raw(false);
      connection.socket.resetAndDestroy();
      return id;
    },
  },
  {
    phase: 'in its head',
    outcome: undefined,
    async leave() {
      const { id, connection, head } = await raw(false);
      connection.socket.write(head.slice(0, 80), () => connection.socket.resetAndDestroy());
      return id;
    },
  },
  {
    phase: 'after its head',
    outcome: 'client_left',
    async leave() {
      const { id, connection, head } = await raw(true);
      connection.send(head);
      await connection.received(/100 Continue/);
      connection.socket.resetAndDestroy();
      return id;
    },
  },
  {
    phase: 'in its body',
    outcome: 'client_left',
    async leave() {
      const { id, connection, head, body } = await raw(true, 200_000);
      connection.send(head);
      await connection.received(/100 Continue/);
      connection.socket.write(body.slice(0, 100_000), () => connection.socket.resetAndDestroy());
      return id;
    },
  },
  {
    phase: 'while its upstream thinks',
    outcome: 'client_left',
    async leave() {
      world.first.answer = () => undefined;
      const { id, connection, head, body } = await raw(true);
      connection.send(head + body);
      await arrived(id);
      connection.socket.resetAndDestroy();
      return id;
    },
  },
  {
    phase: 'in the middle of its answer',
    outcome: 'client_left',
    async leave() {
      world.first.answer = (_request, response) => {
        startStream(response);
        response.write(SOUND.slice(0, 3).join(''));
      };
      const { id, connection, head, body } = await raw(true);
      connection.send(head + body);
      await connection.received(/content_block_delta/);
      connection.socket.resetAndDestroy();
      return id;
    },
  },
  {
    phase: 'after its answer',
    outcome: 'complete',
    async leave() {
      const { id, connection, head, body } = await raw(true);
      connection.send(head + body);
      await connection.received(/message_stop.*\r\n0\r\n\r\n$/s);
      connection.socket.resetAndDestroy();
      return id;
    },
  },
  {
    phase: 'by closing only its sending side, in its body',
    outcome: 'client_left',
    async leave() {
      const { id, connection, head, body } = await raw(true);
      connection.send(head + body.slice(0, 20));
      connection.socket.end();
      await connection.closed;
      return id;
    },
  },
];

describe('a client that leaves', () => {
  it.each(leavings)('$phase leaves nothing behind', async ({ outcome, leave }) => {
    const ids = await times(20, leave);
    if (outcome !== undefined)
      for (const id of ids) expect(await world.ledger.eventOf(id)).toMatchObject({ outcome });
    world.first.answer = soundly;
    await world.expectSteady();
  });

  it('in the middle of a form leaves nothing behind', async () => {
    const port = Number(new URL(world.gateway.url).port);
    await times(20, async () => {
      const { socket, send, received } = await openRaw(port);
      const head = [
        'POST /oauth/token HTTP/1.1',
        'host: gateway.test',
        'content-length: 900',
        'expect: 100-continue',
      ];
      send(`${[...head, 'content-type: application/x-www-form-urlencoded'].join('\r\n')}\r\n\r\n`);
      await received(/100 Continue/);
      send('grant_type=');
      socket.resetAndDestroy();
      await once(socket, 'close');
    });
    await world.expectSteady();
  });
});
