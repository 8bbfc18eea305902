import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openStore, type StoreOptions } from '../../../src/gateway/store/open.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { CodedError } from '../../../src/kernel/coded-error.ts';
import { postgresOptions } from '../../contract/every-store.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { createTestDatabase, describeWithPostgres, startPrivatePostgres } from '../../support/postgres.ts';
import type { Cluster } from '../../support/postgres-cluster.ts';

/** A server that speaks no PostgreSQL: does as told with every connection. */
async function startListener(
  host: string,
  welcome: (socket: Socket) => void,
): Promise<{ readonly port: number; readonly connections: () => number; close(): void }> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    welcome(socket);
  });
  server.listen(0, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function refusalOf(options: StoreOptions, log = createMemoryLog(), clock = createManualClock()) {
  const opening = openStore(options, { clock, log }).then(
    () => undefined,
    (error: unknown) => error,
  );
  let isOver = false;
  void opening.then(() => {
    isOver = true;
  });
  const pauses: number[] = [];
  while (!isOver) {
    const pause = await Promise.race([clock.sleeper(), opening]);
    if (typeof pause !== 'number') break;
    pauses.push(pause);
    clock.advance(pause);
  }
  const error = await opening;
  if (!(error instanceof CodedError)) throw new Error(`not refused as expected: ${String(error)}`);
  return { error, pauses, log };
}

const SECRET = 'not-for-any-message';

describeWithPostgres('a gateway that starts before its database', () => {
  it('tries three times, two seconds apart, and then says where it could not connect and why', async () => {
    const { port, close } = await startListener('127.0.0.1', () => undefined);
    close();
    const { error, pauses, log } = await refusalOf(
      postgresOptions(`postgres://ada:${SECRET}@127.0.0.1:${port}/x`),
    );
    expect(error.code).toBe('store_unreachable');
    expect(error.detail).toMatch(
      new RegExp(
        `^store.postgres_url: could not connect to Postgres at 127.0.0.1:${port} \\(ECONNREFUSED\\); check`,
      ),
    );
    expect(pauses).toEqual([2_000, 2_000]);
    expect(log.lines).toEqual([
      'warn could not connect to Postgres at boot, attempt 1 of 3 (ECONNREFUSED)',
      'warn could not connect to Postgres at boot, attempt 2 of 3 (ECONNREFUSED)',
    ]);
    expect(`${error.message} ${log.lines.join()}`).not.toContain(SECRET);
  });

  it('says why for a name with several addresses, too', async () => {
    const { port, close } = await startListener('127.0.0.1', () => undefined);
    close();
    const { error } = await refusalOf(postgresOptions(`postgres://ada@localhost:${port}/x`));
    expect(error.detail).toContain('(ECONNREFUSED)');
  });

  it('goes on as soon as the database is there', async () => {
    const cluster = await startPrivatePostgres();
    await cluster.stop();
    const [clock, log] = [createManualClock(), createMemoryLog()];
    const opening = openStore(postgresOptions(cluster.url()), { clock, log });
    await clock.sleeper();
    await cluster.start();
    clock.advance(2_000);
    const store = await opening;
    expect(log.lines[0]).toContain('attempt 1 of 3');
    await store.close();
    await cluster.remove();
  });

  it('gives up on a server that takes connections and never answers', async () => {
    const silent = await startListener('127.0.0.1', () => undefined);
    const { error } = await refusalOf(
      postgresOptions(`postgres://ada@127.0.0.1:${silent.port}/x`, { connectTimeoutSeconds: 0.4 }),
    );
    expect(error.code).toBe('store_unreachable');
    expect(silent.connections()).toBe(3);
    silent.close();
  });

  it('gives up on a server that hangs up at once, without storming it', async () => {
    const rude = await startListener('127.0.0.1', (socket) => socket.end());
    const { error } = await refusalOf(
      postgresOptions(`postgres://ada@127.0.0.1:${rude.port}/x`, { connectTimeoutSeconds: 0.4 }),
    );
    expect(error.code).toBe('store_unreachable');
    expect(rude.connections()).toBeLessThan(100);
    rude.close();
  });
});

describeWithPostgres('a database that refuses this gateway', () => {
  it('is not asked a second time with a wrong password', async () => {
    const database = await createTestDatabase();
    const { error, pauses, log } = await refusalOf(
      postgresOptions(database.urlFor('postgres', SECRET)),
      createMemoryLog(),
    );
    expect(error).toMatchObject({
      code: 'store_unreachable',
      detail: expect.stringContaining('28P01 password authentication failed for user "postgres"'),
    });
    expect(error.message).not.toContain(SECRET);
    expect([pauses, log.lines]).toEqual([[], []]);
    await database.drop();
  });

  it('is named when it does not exist', async () => {
    const database = await createTestDatabase();
    await database.drop();
    const { error, pauses } = await refusalOf(postgresOptions(database.url));
    expect(error.detail).toContain(`3D000 database "${database.name}" does not exist`);
    expect(pauses).toEqual([]);
  });

  it('is too old before PostgreSQL 14', async () => {
    const database = await createTestDatabase();
    // What the gateway asks is answered by this function instead of the server's own.
    await database.sql(
      `create function current_setting(text) returns text language sql as $$ select '130021' $$`,
    );
    await database.sql(`alter database ${database.name} set search_path = public, pg_catalog`);
    const { error } = await refusalOf(postgresOptions(database.url));
    expect(error).toMatchObject({
      code: 'store_unsupported',
      detail: 'store.postgres_url: PostgreSQL 14 or newer is needed, this server is 130021',
    });
    await database.drop();
  });
});

describeWithPostgres('a database', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startPrivatePostgres();
  });
  afterAll(() => cluster.remove());

  it.each([
    ['an IPv4 address', () => `127.0.0.1:${cluster.port}`],
    ['an IPv6 address', () => `[::1]:${cluster.port}`],
    ['a name', () => `localhost:${cluster.port}`],
    ['the folder of its unix socket', () => `${encodeURIComponent(cluster.folder)}:${cluster.port}`],
  ])('is reached by %s', async (_what, place) => {
    const url = cluster.url().replace(`127.0.0.1:${cluster.port}`, place());
    const store = await openStore(postgresOptions(url), { clock: systemClock, log: createMemoryLog() });
    await store.ping(AbortSignal.timeout(5_000));
    await store.close();
  });
});
