import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../../package.json' with { type: 'json' };
import { migrations } from '../../../src/gateway/store/migrations/migrations.ts';
import { openStore } from '../../../src/gateway/store/open.ts';
import type { Store } from '../../../src/gateway/store/ports.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { postgresOptions } from '../../contract/every-store.ts';
import { ask, createDeviceFlow } from '../../support/device-flow.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { createTestDatabase, describeWithPostgres } from '../../support/postgres.ts';
import {
  comeBack,
  hasFixture,
  type ReleaseFixture,
  readFixtures,
  restoreSql,
  SUCCESSOR,
} from '../../support/release-fixture.ts';
import { PEOPLE, type ReleaseGateway, startReleaseGateway } from '../../support/release-gateway.ts';
import { createEmbeddedFolders } from './embedded-folder.ts';

/** A restart takes a moment; what is answered again is answered for half a minute. */
const RESTART_MS = 5_000;

const folders = createEmbeddedFolders();

it('this release has left its fixture (npm run release-fixture makes it)', () => {
  expect(hasFixture(packageJson.version)).toBe(true);
});

/** Opens this release's store on what the release had made after `upTo` of its migrations. */
type Restore = (
  fixture: ReleaseFixture,
  upTo?: number,
) => Promise<{ readonly store: Store; readonly log: readonly string[]; remove(): Promise<void> }>;

const restorePostgres: Restore = async (fixture, upTo) => {
  const database = await createTestDatabase();
  await database.sql(restoreSql(fixture, upTo));
  const log = createMemoryLog();
  const store = await openStore(postgresOptions(database.url), { clock: systemClock, log });
  return {
    store,
    log: log.lines,
    remove: async () => {
      await store.close();
      await database.drop();
    },
  };
};

const restoreEmbedded: Restore = async (fixture, upTo) => {
  const folder = folders.empty();
  const database = await PGlite.create({ dataDir: join(folder, 'data') });
  await database.exec(restoreSql(fixture, upTo));
  await database.close();
  const log = createMemoryLog();
  const store = await openStore({ kind: 'embedded', folder }, { clock: systemClock, log });
  return { store, log: log.lines, remove: () => store.close() };
};

/** The same rows, all past their time. */
function ended(rows: ReleaseFixture['rows']): ReleaseFixture['rows'] {
  const end = (row: Record<string, unknown>) => ('expires_at' in row ? { ...row, expires_at: 1 } : row);
  return Object.fromEntries(Object.entries(rows).map(([table, all]) => [table, all.map(end)]));
}

describe.each(readFixtures())('what release $release has left', (fixture) => {
  const { issued } = fixture;

  it('was made by migrations that nobody has changed since', () => {
    const same = migrations.slice(0, fixture.migrations.length);
    expect(same.map(({ id, name, statements }) => ({ id, name, statements }))).toEqual(fixture.migrations);
  });

  describe('in the embedded store', () => reads(restoreEmbedded));
  describeWithPostgres('in PostgreSQL', () => reads(restorePostgres));

  function reads(restore: Restore): void {
    let restored: Awaited<ReturnType<Restore>>;
    let gateway: ReleaseGateway;
    let flow: ReturnType<typeof createDeviceFlow>;

    beforeAll(async () => {
      restored = await restore(fixture);
      gateway = await startReleaseGateway(restored.store, createManualClock(fixture.madeAtMs + RESTART_MS));
      flow = createDeviceFlow(gateway);
    });

    afterAll(async () => {
      await gateway?.close();
      await restored?.remove();
    });

    const callerOf = (token: string) => ask(`${gateway.url}/v1/messages`, { bearer: token, body: '{}' });

    it('gets the migrations since, and no other', () => {
      const since = migrations.slice(fixture.migrations.length);
      expect(restored.log).toEqual(since.map(({ id }) => `info migration ${id} applied`));
    });

    it('access tokens are good, and say who it is', async () => {
      for (const person of ['ada', 'bob'] as const) {
        const answer = await callerOf(issued.sessions[person].access_token);
        expect(answer.status).toBe(200);
        const { sub, groups } = PEOPLE[person];
        expect(answer.json).toMatchObject({ sub, groups });
      }
    });

    it('refresh tokens are renewed, with the provider’s token that they carry', async () => {
      const renewed = await flow.refresh(issued.sessions.ada.refresh_token);
      expect(renewed.status).toBe(200);
      expect(gateway.provider.refreshed.at(-1)).toMatchObject({
        refreshToken: 'provider token of ada',
        claims: PEOPLE.ada,
      });
      expect((await callerOf(String(renewed.json['access_token']))).json).toMatchObject({ name: 'Ada' });
    });

    it('a refresh token that was just renewed has the same answer again', async () => {
      const { shown, answer } = issued.sessions.renewed;
      const asked = gateway.provider.refreshed.length;
      expect((await flow.refresh(shown)).text).toBe(answer);
      expect(gateway.provider.refreshed).toHaveLength(asked);
      const { refresh_token: next } = JSON.parse(answer);
      expect((await flow.refresh(next)).status).toBe(200);
    });

    it('a refresh that failed goes on with the token that the provider has put in the place of its own', async () => {
      expect((await flow.refresh(issued.sessions.failed.refresh_token)).status).toBe(200);
      expect(gateway.provider.refreshed.at(-1)?.refreshToken).toBe(SUCCESSOR);
    });

    it('a session that was signed out stays out', async () => {
      expect((await callerOf(issued.sessions.ended.access_token)).status).toBe(401);
      expect((await flow.refresh(issued.sessions.ended.refresh_token)).status).toBe(401);
    });

    it('more can be signed out', async () => {
      const { refresh_token: token, access_token: access } = issued.sessions.bob;
      expect((await flow.revoke(token)).status).toBe(200);
      expect((await callerOf(access)).status).toBe(401);
    });

    it('a sign-in that was approved is finished', async () => {
      const answer = await flow.poll(issued.grants.approved.device_code);
      expect(answer.status).toBe(200);
      expect((await callerOf(String(answer.json['access_token']))).json).toMatchObject(PEOPLE.ada);
    });

    it('a sign-in whose browser was at the provider goes on', async () => {
      const { sentAway } = issued.grants;
      await comeBack(gateway, sentAway, 'ada');
      expect(gateway.provider.redeemed.at(-1)?.state).toBe(sentAway.state);
      expect(gateway.provider.redeemed.at(-1)?.codeVerifier?.length).toBeGreaterThan(42);
      expect((await flow.poll(sentAway.device_code)).status).toBe(200);
    });

    it('a sign-in that had just begun is found by its code, and can be refused', async () => {
      const { device_code: code, user_code: userCode } = issued.grants.pending;
      expect((await flow.poll(code)).json['error']).toBe('authorization_pending');
      expect((await flow.submit(userCode, 'deny')).status).toBe(200);
      expect((await flow.poll(code)).json['error']).toBe('access_denied');
    });

    it('sign-ins that are over stay over', async () => {
      expect((await flow.poll(issued.grants.denied.device_code)).json['error']).toBe('access_denied');
      expect((await flow.poll(issued.grants.used.device_code)).json['error']).toBe('invalid_grant');
    });

    it('an address that has begun too many sign-ins waits', async () => {
      await expect(flow.start({}, issued.busyAddress)).rejects.toThrow(' 429 ');
      await expect(flow.start({}, '203.0.113.201')).resolves.toMatchObject({ interval: 5 });
    });

    it('is swept when its time is over', async () => {
      const { store, remove } = await restore({ ...fixture, rows: ended(fixture.rows) });
      const [session] = fixture.rows['sessions'] ?? [];
      expect(await store.sessions.find(String(session?.['sid']))).toBeDefined();
      await store.sweep(Date.now());
      expect(await store.sessions.find(String(session?.['sid']))).toBeUndefined();
      await remove();
    });
  }
});

describeWithPostgres('a store as the first migration made it', () => {
  const [oldest] = readFixtures().toSorted((a, b) => a.madeAtMs - b.madeAtMs);

  it('is brought up to date, and what was in it is read', async () => {
    if (!oldest) throw new Error('there is no fixture');
    const { store, log, remove } = await restorePostgres(oldest, 1);
    const gateway = await startReleaseGateway(store, createManualClock(oldest.madeAtMs + RESTART_MS));
    const flow = createDeviceFlow(gateway);
    expect(log).toEqual(migrations.slice(1).map(({ id }) => `info migration ${id} applied`));
    expect((await flow.poll(oldest.issued.grants.approved.device_code)).status).toBe(200);
    const renewed = await flow.refresh(oldest.issued.sessions.ada.refresh_token);
    expect(renewed.status).toBe(200);
    // The table of sessions is new: the row is made as the session renews.
    const { sid } = JSON.parse(
      Buffer.from(String(renewed.json['access_token']).split('.')[1] ?? '', 'base64url').toString(),
    );
    expect(await store.sessions.find(sid)).toMatchObject({ sub: PEOPLE.ada.sub, refreshNumber: 1 });
    await gateway.close();
    await remove();
  });
});
