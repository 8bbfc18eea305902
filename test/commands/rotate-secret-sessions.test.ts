import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedStore } from '../support/embedded-store.ts';
import type { MemoryHostOptions } from '../support/memory-host.ts';
import { createRotationWorld, OLD, type RotationWorld, START } from './rotation-world.ts';

const MINUTE = 60_000;
const env = { OIDC_CLIENT_SECRET: 'idp' };

let world: RotationWorld;
let storeFolder: string;

/** A rotation that may be finished, and a store that no gateway holds, with sessions renewed so long after its start. */
async function rotated(renewedAfterMinutes: readonly number[]): Promise<void> {
  const { store, folder } = await openEmbeddedStore();
  storeFolder = folder;
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
  await world.write(OLD, '', folder);
  await world.rotate();
  world.clock.advance(70 * MINUTE);
}

beforeEach(async () => {
  world = await createRotationWorld();
});

afterEach(async () => {
  await world.remove();
  await rm(storeFolder, { recursive: true, force: true });
});

const finish = (args: readonly string[] = [], options: MemoryHostOptions = {}) =>
  world.rotate(['--finish', ...args], { env, ...options });
const isFinished = async () => ((await world.secrets()) as unknown[]).length === 1;
const COUNTED = '2 sessions not renewed since 2026-10-07T09:12:44Z';

describe('finishing while sessions rest on the old secrets', () => {
  it('says how many they are, asks, and goes on when told to', async () => {
    await rotated([-5, -30, 10]);
    const { exitCode, stderr } = await finish([], { answers: [true] });
    expect(stderr).toContain(`${COUNTED}: whoever has one would have to sign in again`);
    expect(exitCode).toBe(0);
    expect(await isFinished()).toBe(true);
  });

  it('changes nothing when the answer is no', async () => {
    await rotated([-5, -30]);
    const { exitCode, stderr } = await finish([], { answers: [false] });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Nothing was changed');
    expect(await isFinished()).toBe(false);
  });

  it('changes nothing on Ctrl-C', async () => {
    await rotated([-5]);
    expect((await finish([], { answers: ['interrupt'] })).exitCode).toBe(130);
    expect(await isFinished()).toBe(false);
  });

  it('wants --yes where there is no terminal', async () => {
    await rotated([-5, -30]);
    const refused = await finish();
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain(COUNTED);
    expect(refused.stderr).toContain('add --yes');
    expect(await isFinished()).toBe(false);
    expect((await finish(['--yes'])).exitCode).toBe(0);
    expect(await isFinished()).toBe(true);
  });

  it('is not asked with --force, but told', async () => {
    await rotated([-5, -30]);
    const { exitCode, stderr } = await finish(['--force']);
    expect(exitCode).toBe(0);
    expect(stderr).toContain(COUNTED);
  });
});

describe('finishing when every session has renewed', () => {
  it('says so and does not ask', async () => {
    await rotated([0, 10]);
    const { exitCode, stderr } = await finish();
    expect(exitCode).toBe(0);
    expect(stderr).toContain('Every session has renewed since 2026-10-07T09:12:44Z');
  });
});
