import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { lockFolder } from '../../../src/gateway/store/folder-lock.ts';
import { CodedError } from '../../../src/kernel/coded-error.ts';
import { createEmbeddedFolders } from './embedded-folder.ts';

const folders = createEmbeddedFolders();
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function startTaker(folder: string): Promise<ChildProcess> {
  const child = fork(new URL('./lock-taker.ts', import.meta.url), [folder]);
  children.push(child);
  await once(child, 'message');
  return child;
}

async function tell(child: ChildProcess, word: 'take' | 'release'): Promise<unknown> {
  const said = once(child, 'message');
  child.send(word);
  return (await said)[0];
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

function refusal(folder: string): string {
  try {
    lockFolder(folder)();
  } catch (error) {
    if (error instanceof CodedError) return `${error.code}: ${error.detail}`;
    throw error;
  }
  return 'none';
}

/** Leaves the lock of an owner that this process can see, changed as told. */
function leaveLock(folder: string, changes: Record<string, unknown>): string {
  const path = join(folder, 'lock.json');
  const release = lockFolder(folder);
  const mine: unknown = JSON.parse(readFileSync(path, 'utf8'));
  release();
  writeFileSync(path, JSON.stringify({ ...Object(mine), id: randomUUID(), ...changes }));
  return path;
}

describe('the lock on the folder of an embedded store', () => {
  it('keeps a second process out, names the first, and is free when that one leaves', async () => {
    const folder = folders.empty();
    const first = await startTaker(folder);
    expect(await tell(first, 'take')).toBe('taken');
    expect(refusal(folder)).toBe(
      `store_locked: store.embedded: ${folder} is in use by process ${first.pid}; an embedded store serves one gateway at a time. Stop it, choose another folder, or use store.postgres_url for several replicas`,
    );
    await tell(first, 'release');
    expect(refusal(folder)).toBe('none');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('keeps the same process from opening it twice', () => {
    const folder = folders.empty();
    const release = lockFolder(folder);
    expect(refusal(folder)).toContain(`in use by process ${process.pid}`);
    release();
  });

  it('is taken over at once from a process that was killed', async () => {
    const folder = folders.empty();
    const first = await startTaker(folder);
    await tell(first, 'take');
    await kill(first);
    expect(refusal(folder)).toBe('none');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is taken over from a process whose number another process has now', () => {
    const folder = folders.empty();
    leaveLock(folder, { started: 'at another time' });
    expect(refusal(folder)).toBe('none');
  });

  it.each([
    ['in another container', { space: 'another boot, another process namespace' }],
    ['on another machine', { host: 'another.example' }],
  ])('is kept by an owner %s while that one gives signs of life', (_where, changes) => {
    const folder = folders.empty();
    const path = leaveLock(folder, changes);
    const { host } = { host: hostname(), ...changes };
    expect(refusal(folder)).toContain(
      `in use by process ${process.pid} on ${host} (if that one is gone, the folder is free 20 seconds after its last sign of life)`,
    );
    const before = new Date(Date.now() - 60_000);
    utimesSync(path, before, before);
    expect(refusal(folder)).toBe('none');
  });

  it('that nobody can read is named, not taken over', () => {
    const folder = folders.empty();
    writeFileSync(join(folder, 'lock.json'), '');
    expect(refusal(folder)).toBe(
      `store_locked: store.embedded: ${folder}/lock.json cannot be read as a lock; remove it if no gateway uses the folder`,
    );
  });

  it('left by a dead owner goes to exactly one of many that find it at the same moment', async () => {
    const folder = folders.empty();
    const takers = await Promise.all(Array.from({ length: 4 }, () => startTaker(folder)));
    for (let round = 0; round < 40; round += 1) {
      leaveLock(folder, { started: 'at another time' });
      const said = await Promise.all(takers.map((taker) => tell(taker, 'take')));
      expect(said.filter((word) => word === 'taken')).toHaveLength(1);
      expect(said.filter((word) => word === 'store_locked')).toHaveLength(3);
      await Promise.all(takers.map((taker) => tell(taker, 'release')));
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it('cannot be put where nothing may be written, and says so', () => {
    // Nobody writes there, not even root.
    const folder = process.platform === 'linux' ? '/sys/kernel' : folders.empty();
    if (process.platform !== 'linux') chmodSync(folder, 0o500);
    expect(refusal(folder)).toMatch(
      /^store_unreachable: store.embedded: cannot write to \S+ \((?:EACCES|EROFS|EPERM)\); the user that runs the gateway/,
    );
  });
});
