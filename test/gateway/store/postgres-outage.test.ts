import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { openStore } from '../../../src/gateway/store/open.ts';
import type { Store } from '../../../src/gateway/store/ports.ts';
import { DAY, NOW, postgresOptions } from '../../contract/every-store.ts';
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog, type MemoryLog } from '../../support/memory-log.ts';
import {
  createTestDatabase,
  describeWithPostgres,
  startPrivatePostgres,
  type TestDatabase,
} from '../../support/postgres.ts';
import type { Cluster } from '../../support/postgres-cluster.ts';

let cluster: Cluster;
let database: TestDatabase;
let store: Store;
let log: MemoryLog;
let clock: ManualClock;

const limit = { max: 100, windowSeconds: 60 };
const session = {
  sid: 's',
  sub: 'ada',
  client: undefined,
  createdAtMs: NOW,
  renewedAtMs: NOW,
  lastSeenAtMs: NOW,
  expiresAtMs: NOW + DAY,
  refreshNumber: 0,
};
const grant = { sealed: 'sealed', intervalSeconds: 5, createdAtMs: NOW, expiresAtMs: NOW + DAY };

/** Every method of every port. */
const methods: Readonly<Record<string, () => Promise<unknown>>> = {
  'grants.create': () => store.grants.create({ ...grant, deviceHash: 'new', userCodeMac: 'new' }),
  'grants.findByDevice': () => store.grants.findByDevice('device', NOW),
  'grants.findByUserCode': () => store.grants.findByUserCode('mac', NOW),
  'grants.update': () => store.grants.update('device', 1, { state: 'approved' }),
  'rateCounters.hit': () => store.rateCounters.hit('key', limit, NOW),
  'rateCounters.giveBack': () =>
    store.rateCounters.giveBack('key', { allowed: true, retryAfterSeconds: 0, windowEndsMs: NOW }),
  'sessions.create': () => store.sessions.create(session),
  'sessions.find': () => store.sessions.find('s'),
  'sessions.renew': () =>
    store.sessions.renew('s', { shownNumber: 0, nextNumber: 1, nowMs: NOW, expiresAtMs: NOW + DAY }),
  'sessions.touch': () => store.sessions.touch(['s'], NOW),
  'sessions.list': () => store.sessions.list({ limit: 1, nowMs: NOW }),
  'sessions.countNotRenewedSince': () => store.sessions.countNotRenewedSince(NOW, NOW),
  'sessions.revoke': () => store.sessions.revoke({ sid: 's' }, NOW, NOW + DAY),
  'revocations.add': () => store.revocations.add({ target: { sid: 's' }, sinceMs: NOW, untilMs: NOW + DAY }),
  'revocations.listAfter': () => store.revocations.listAfter(undefined, NOW),
  'refreshNotes.put': () => store.refreshNotes.put('hash', 'sealed', NOW),
  'refreshNotes.find': () => store.refreshNotes.find('hash', NOW),
  'refreshNotes.claim': () => store.refreshNotes.claim('hash', 'owner', { nowMs: NOW, lifeMs: DAY }),
  'refreshNotes.release': () => store.refreshNotes.release('hash', 'owner'),
  ping: () => store.ping(AbortSignal.timeout(60_000)),
  sweep: () => store.sweep(NOW),
};

beforeAll(async () => {
  cluster = await startPrivatePostgres({ settings: { max_connections: '20' } });
  database = await createTestDatabase(cluster.url());
});
afterAll(() => cluster.remove());

beforeEach(async () => {
  [log, clock] = [createMemoryLog(), createManualClock()];
  store = await openStore(postgresOptions(database.url), { clock, log });
});
afterEach(async () => {
  cluster.resume();
  await cluster.start();
  await store.close();
});

async function outcomes(): Promise<Record<string, string>> {
  const asked = Object.entries(methods).map(async ([name, ask]) => {
    const outcome = await ask().then(
      () => 'answered',
      (error: unknown) => String(Object(error).code),
    );
    return [name, outcome];
  });
  return Object.fromEntries(await Promise.all(asked));
}

const all = (outcome: string) => Object.fromEntries(Object.keys(methods).map((name) => [name, outcome]));

/** Lets a second pass, and the probe at its end. True when the store is back. */
async function probe(): Promise<boolean> {
  await clock.sleeper();
  clock.advance(1_000);
  const answering = log.line(/store is answering again/).then(() => true);
  return Promise.race([answering, clock.sleeper().then(() => false)]);
}

async function untilBack(): Promise<void> {
  while (!(await probe()));
}

describeWithPostgres('while PostgreSQL is down', () => {
  it('every method fails with store_unavailable, two lines tell of it, and the store comes back by itself', async () => {
    expect(await outcomes()).toEqual(all('answered'));
    await cluster.stop();
    for (let round = 0; round < 3; round += 1) expect(await outcomes()).toEqual(all('store_unavailable'));
    await cluster.start();
    await untilBack();
    expect(await outcomes()).toEqual(all('answered'));
    expect(log.lines.filter((line) => !line.includes('migration'))).toEqual([
      expect.stringMatching(/^error store is not answering \(/),
      'info store is answering again',
    ]);
    expect(log.lines.join()).not.toContain(new URL(database.url).password);
  });

  it('what had not been answered when it crashed fails, and is not half done', async () => {
    const other = database.connect();
    await store.sessions.create({ ...session, sid: 'crash' });
    await other.unsafe('begin');
    await other.unsafe("select * from sessions where sid = 'crash' for update");
    const revoking = store.sessions.revoke({ sid: 'crash' }, NOW, NOW + DAY);
    const waiting = expect(revoking).rejects.toMatchObject({ code: 'store_unavailable' });
    await vi.waitFor(async () => {
      const [row] = await database.sql(
        "select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock'",
      );
      expect(row).toEqual({ n: 1 });
    });
    await cluster.stop('immediate');
    await waiting;
    await other.end({ timeout: 0 });
    await cluster.start();
    await vi.waitFor(() => store.ping(AbortSignal.timeout(1_000)));
    expect(await store.sessions.find('crash')).toMatchObject({ revokedAtMs: undefined });
    const { entries } = await store.revocations.listAfter(undefined, NOW);
    expect(entries).not.toContainEqual(expect.objectContaining({ target: { sid: 'crash' } }));
  });

  it('closing the store takes no longer than closing it ever does', async () => {
    await cluster.stop();
    await outcomes();
    await store.close();
    await expect(store.ping(AbortSignal.timeout(1_000))).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});

describeWithPostgres('while PostgreSQL is there and answers nothing', () => {
  it('every method is answered by the time a statement has, and the store comes back by itself', async () => {
    expect(await outcomes()).toEqual(all('answered'));
    cluster.pause();
    expect(await outcomes()).toEqual(all('store_unavailable'));
    expect(log.lines.at(-1)).toContain('no answer in 2000 ms');
    cluster.resume();
    await untilBack();
    expect(await outcomes()).toEqual(all('answered'));
  });

  it('the store still closes', async () => {
    cluster.pause();
    await outcomes();
    await store.close();
    expect(log.lines.filter((line) => line.startsWith('error'))).toHaveLength(1);
  });
});

describeWithPostgres('while PostgreSQL can be read and not written to', () => {
  it('the store counts as down, once, and is back when it can be written to', async () => {
    await database.sql(`alter database ${database.name} set default_transaction_read_only = on`);
    await database.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sallyport'`,
    );
    const hit = () => store.rateCounters.hit('key', limit, NOW);
    await vi.waitFor(async () => {
      await expect(hit()).rejects.toMatchObject({ code: 'store_unavailable' });
      expect(log.lines.at(-1)).toContain('store is not answering');
    });
    expect(log.lines.at(-1)).toContain('25006');
    expect([await probe(), await probe()]).toEqual([false, false]);
    expect(log.lines.filter((line) => line.includes('store is'))).toHaveLength(1);
    await database.sql(
      `set default_transaction_read_only = off; alter database ${database.name} set default_transaction_read_only = off`,
    );
    await untilBack();
    expect(await hit()).toMatchObject({ allowed: true });
  });
});
