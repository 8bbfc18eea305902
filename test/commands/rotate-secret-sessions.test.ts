import { rm } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedStore } from '../support/embedded-store.ts';
import type { MemoryHostOptions } from '../support/memory-host.ts';
import { createRotationWorld, OLD, type RotationWorld, START } from './rotation-world.ts';

const MINUTE = 60_000;
const env = { OIDC_CLIENT_SECRET: 'idp' };

let world: RotationWorld;
/** One where sessions rest on the old secrets, and one where every session has renewed. Counting changes neither. */
let withOld: string;
let withNew: string;

/** A store that no gateway holds, with sessions renewed so long after the rotation's start. */
async function makeStore(renewedAfterMinutes: readonly number[]): Promise<string> {
  const { store, folder } = await openEmbeddedStore();
  for (const [index, minutes] of renewedAfterMinutes.entries()) {
    await store.sessions.create({
      sid: `session-${index}`,
      sub: 'ada',
      client: undefined,
      createdAtMs: START - 600 * MINUTE,
      renewedAtMs: START + minutes * MINUTE,
      lastSeenAtMs: START,
      expiresAtMs: START + 600 * MINUTE,
      refreshNumber: 1,
    });
  }
  await store.close();
  return folder;
}

/** A rotation that may be finished. */
async function rotated(store: string): Promise<void> {
  await world.write(OLD, '', store);
  await world.rotate();
  world.clock.advance(70 * MINUTE);
}

beforeAll(async () => {
  withOld = await makeStore([-5, -30, 10]);
  withNew = await makeStore([0, 10]);
});

afterAll(async () => {
  for (const folder of [withOld, withNew]) await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  world = await createRotationWorld();
});

afterEach(async () => {
  await world.remove();
});

const finish = (args: readonly string[] = [], options: MemoryHostOptions = {}) =>
  world.rotate(['--finish', ...args], { env, ...options });
const isFinished = async () => ((await world.secrets()) as unknown[]).length === 1;
const COUNTED = '2 sessions not renewed since 2026-10-07T09:12:44Z';

describe('finishing while sessions rest on the old secrets', () => {
  it('says how many they are, asks, and goes on when told to', async () => {
    await rotated(withOld);
    const { exitCode, stderr } = await finish([], { answers: [true] });
    expect(stderr).toContain(`${COUNTED}: whoever has one would have to sign in again`);
    expect(exitCode).toBe(0);
    expect(await isFinished()).toBe(true);
  });

  it('changes nothing when the answer is no', async () => {
    await rotated(withOld);
    const { exitCode, stderr } = await finish([], { answers: [false] });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Nothing was changed');
    expect(await isFinished()).toBe(false);
  });

  it('changes nothing on Ctrl-C', async () => {
    await rotated(withOld);
    expect((await finish([], { answers: ['interrupt'] })).exitCode).toBe(130);
    expect(await isFinished()).toBe(false);
  });

  it('wants --yes where there is no terminal', async () => {
    await rotated(withOld);
    const refused = await finish();
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain(COUNTED);
    expect(refused.stderr).toContain('add --yes');
    expect(await isFinished()).toBe(false);
    expect((await finish(['--yes'])).exitCode).toBe(0);
    expect(await isFinished()).toBe(true);
  });

  it('is not asked with --force, but told', async () => {
    await rotated(withOld);
    const { exitCode, stderr } = await finish(['--force']);
    expect(exitCode).toBe(0);
    expect(stderr).toContain(COUNTED);
  });
});

describe('finishing when every session has renewed', () => {
  it('says so and does not ask', async () => {
    await rotated(withNew);
    const { exitCode, stderr } = await finish();
    expect(exitCode).toBe(0);
    expect(stderr).toContain('Every session has renewed since 2026-10-07T09:12:44Z');
  });
});
