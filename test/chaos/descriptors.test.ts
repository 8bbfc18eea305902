import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openWorld, SOUND, soundly, type World } from '../support/chaos-world.ts';
import { restOf } from '../support/inference-ledger.ts';
import { createTestDatabase, describeWithPostgres, type TestDatabase } from '../support/postgres.ts';
import { limitDescriptors } from '../support/process-level.ts';
import { openRaw, type RawConnection } from '../support/raw-http.ts';
import { startTcpRelay, type TcpRelay } from '../support/tcp-relay.ts';
import { startStream } from '../support/upstream.ts';

const AT_ONCE = 5;
const CROWD = 200;
/** Below what opens all at once, above what the gateway needs to breathe. */
const SPARE = 10;
const RAISED = 10_000;
/** Streams stand still for as long as the test takes. */
const PATIENT_MS = 60_000;
const [FIRST_EVENT = '', ...OTHER_EVENTS] = SOUND;

let database: TestDatabase;
let network: TcpRelay;
let world: World;
let port: number;

const times = <T>(make: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: AT_ONCE }, make));

/** Streams that go on when `release` is called. */
async function openStreams() {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  world.first.answer = async (_request, response) => {
    startStream(response, { connection: 'close' });
    response.write(FIRST_EVENT);
    await released;
    response.end(OTHER_EVENTS.join(''));
  };
  const streams = await times(() => world.ledger.begin({ isStreamed: true }));
  world.first.answer = soundly;
  return { streams, release };
}

/** The status of one request on a connection that is there already. */
async function statusOn({ socket, send }: RawConnection, bytes: string): Promise<number> {
  let text = '';
  const take = (piece: string): void => {
    text += piece;
  };
  socket.on('data', take);
  send(bytes);
  while (!text.includes('\r\n\r\n')) await once(socket, 'data');
  socket.off('data', take);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: gateway.test\r\n\r\n`;

describeWithPostgres('when descriptors run out', () => {
  beforeAll(async () => {
    database = await createTestDatabase();
    const url = new URL(database.url);
    network = await startTcpRelay(Number(url.port));
    url.host = `127.0.0.1:${network.port}`;
    const timeouts = { upstream_ttfb_ms: 2_000, upstream_idle_ms: PATIENT_MS };
    world = await openWorld({
      store: { postgres_url: url.href },
      storePort: network.port,
      config: { timeouts },
    });
    port = Number(new URL(world.gateway.url).port);
  });

  afterAll(async () => {
    await world?.close();
    await network?.close();
    await database?.drop();
  });

  it('streams go on, new connections are hung up on, who is connected gets answers; afterwards all is as before', async () => {
    const { streams, release } = await openStreams();
    const requests = await times(() => world.ledger.raw(true, { isStreamed: true }));
    const watcher = await openRaw(port);
    expect(await statusOn(watcher, get('/healthz'))).toBe(200);
    const { descriptors, storeConnections } = world.level();
    limitDescriptors(world.gateway.pid, descriptors + storeConnections + SPARE);

    const crowd = await Promise.all(Array.from({ length: CROWD }, () => openRaw(port)));
    const [one] = await Promise.race(crowd.map(async ({ closed }) => [await closed]));
    expect(one).toMatchObject({ text: '' });
    for (const { id, connection, head, body } of requests) {
      expect(await statusOn(connection, head.replace(/expect: .*\r\n/, '') + body)).toBe(502);
      expect(await world.ledger.eventOf(id)).toMatchObject({ status: 502, outcome: 'upstream_broke' });
    }
    await network.down();
    await network.up();
    expect(await statusOn(watcher, get('/healthz'))).toBe(200);

    release();
    for (const { id, answer } of streams) {
      expect(await restOf(answer)).toMatchObject({ text: SOUND.join(''), isComplete: true });
      expect(await world.ledger.eventOf(id)).toMatchObject({ outcome: 'complete' });
    }
    for (const { socket } of [...crowd, ...requests.map(({ connection }) => connection), watcher])
      socket.destroy();
    await world.expectSteady();
    limitDescriptors(world.gateway.pid, RAISED);
    await world.expectSteady();
  });
});
