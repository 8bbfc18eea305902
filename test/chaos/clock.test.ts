import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openWorld, SOUND, type World } from '../support/chaos-world.ts';
import { ask } from '../support/device-flow.ts';
import { createTestDatabase, describeWithPostgres, type TestDatabase } from '../support/postgres.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let folder: string;
let database: TestDatabase;
let world: World;

/** Sets the gateway's clock off by so much, and waits until it is. */
async function jump(ms: number): Promise<void> {
  writeFileSync(join(folder, 'shift'), String(ms));
  const seen = world.gateway.lines.length;
  world.gateway.child.kill('SIGUSR2');
  await expect.poll(() => world.gateway.lines.slice(seen)).toContain(`the clock is ${ms} ms off`);
}

const modelsWith = async (bearer: string) => (await ask(`${world.gateway.url}/v1/models`, { bearer })).status;

/** Resolves when the gateway has asked the store so often for what was revoked elsewhere. */
async function asksForRevocations(count: number): Promise<void> {
  const lastAsked = async () => {
    const [row] = await database.sql(
      `select max(query_start)::text as at from pg_stat_activity where datname = '${database.name}' and query like '%txid_snapshot_xmin%' and pid <> pg_backend_pid()`,
    );
    return row?.['at'];
  };
  for (let asked = 0; asked < count; asked += 1) {
    const before = await lastAsked();
    await expect.poll(lastAsked, { timeout: 10_000 }).not.toBe(before);
  }
}

describeWithPostgres('when the clock of the gateway jumps', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-clock-'));
    writeFileSync(join(folder, 'shift'), '0');
    database = await createTestDatabase();
    world = await openWorld({
      store: { postgres_url: database.url },
      storePort: Number(new URL(database.url).port),
      env: { CLOCK_SHIFT_FILE: join(folder, 'shift') },
      preload: ['./shift-clock.ts'],
    });
  });

  afterAll(async () => {
    await world?.close();
    await database?.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['a minute ahead', MINUTE, 200, [200]],
    ['a minute back', -MINUTE, 200, [200]],
    ['half an hour ahead', HOUR / 2, 200, [200, 503]],
    ['two hours ahead', 2 * HOUR, 401, [200, 503]],
    ['two hours back', -2 * HOUR, 200, [200, 503]],
    ['ten years ahead', 3_650 * DAY, 401, [401]],
    ['twenty days back', -20 * DAY, 200, [200, 503]],
  ])('%s, and returns, all is as before', async (_what, ms, status, refreshed) => {
    const stream = await world.ledger.begin({ isStreamed: true });
    const grant = await world.flow.start();
    expect((await world.flow.poll(grant.device_code)).json).toMatchObject({ error: 'authorization_pending' });
    await jump(ms);
    expect(await modelsWith(world.accessToken)).toBe(status);
    const { id, ...answer } = await world.infer({ isStreamed: true });
    expect(answer.status).toBe(status);
    if (status === 200) {
      expect(answer).toMatchObject({ text: SOUND.join(''), isComplete: true });
      const { duration_ms: took } = await world.ledger.eventOf(id);
      expect(took).toBeGreaterThanOrEqual(0);
      expect(took).toBeLessThan(MINUTE / 2);
    } else world.ledger.forgive(id);
    expect(refreshed).toContain(await world.refresh());
    await jump(0);
    stream.answer.resume();
    expect(await world.ledger.eventOf(stream.id)).toMatchObject({ outcome: 'complete' });
    await world.flow.approve(grant);
    expect((await world.flow.poll(grant.device_code)).status).toBe(200);
    await world.expectSteady();
  });

  it('sixty days ahead, and returns, who was signed out stays signed out', async () => {
    const leaving = await world.flow.signIn('practice-pat');
    expect((await world.flow.revoke(leaving.refresh_token)).status).toBe(200);
    expect(await modelsWith(leaving.access_token)).toBe(401);
    await jump(60 * DAY);
    await asksForRevocations(2);
    await jump(0);
    expect(await modelsWith(leaving.access_token)).toBe(401);
    expect((await world.flow.refresh(leaving.refresh_token)).status).toBe(401);
    await world.expectSteady();
  });
});
