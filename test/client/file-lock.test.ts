import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withFileLock } from '../../src/client/file-lock.ts';

const holderScript = new URL('./lock-holder.ts', import.meta.url);
let folder: string;
let path: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-lock-'));
  path = join(folder, 'session.lock');
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** Starts a process that takes the lock and does as told. */
async function start(task: 'hold' | 'count'): Promise<ChildProcess> {
  const child = fork(holderScript, [path, task, join(folder, 'counter')]);
  children.push(child);
  return child;
}

async function killHard(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

describe('the lock across processes', () => {
  it('lets one at a time in', async () => {
    await writeFile(join(folder, 'counter'), '0');
    const counting = await Promise.all([start('count'), start('count'), start('count')]);
    await Promise.all(counting.map((child) => once(child, 'exit')));
    // Each process adds one to the file 20 times, reading and writing in separate steps.
    expect(await readFile(join(folder, 'counter'), 'utf8')).toBe('60');
    expect(await readdir(folder)).toEqual(['counter']);
  });

  it('is free again after kill -9 of its holder', async () => {
    const holder = await start('hold');
    await once(holder, 'message');
    await killHard(holder);
    expect(await withFileLock(path, async () => 'in', { timeoutMs: 5_000 })).toBe('in');
    expect(await readdir(folder)).toEqual([]);
  });

  it('goes to one of several that find a dead holder, never to two', async () => {
    const holder = await start('hold');
    await once(holder, 'message');
    await killHard(holder);
    let inside = 0;
    let most = 0;
    const enter = () =>
      withFileLock(path, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
      });
    await Promise.all(Array.from({ length: 25 }, enter));
    expect(most).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });

  it('is waited for only so long while the holder lives', async () => {
    const holder = await start('hold');
    await once(holder, 'message');
    await expect(withFileLock(path, async () => 'in', { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'lock_held',
    });
  });

  it('is taken over from a process number that lives but has held it for too long', async () => {
    const holder = await start('hold');
    await once(holder, 'message');
    const longAgo = new Date(Date.now() - 3_600_000);
    await utimes(path, longAgo, longAgo);
    expect(await withFileLock(path, async () => 'in', { timeoutMs: 5_000 })).toBe('in');
  });

  it.each(['', '{"pid": 1', '{"pid":1,"machine":"m","nonce":"../../x"}'])(
    'that says nothing of its holder (%j) is taken over once it is old, by one at a time',
    async (content) => {
      await writeFile(path, content);
      const tooEarly = withFileLock(path, async () => 'in', { timeoutMs: 100 });
      await expect(tooEarly).rejects.toMatchObject({ code: 'lock_held' });
      const longAgo = new Date(Date.now() - 3_600_000);
      await utimes(path, longAgo, longAgo);
      const entered: number[] = [];
      const enter = (_: unknown, number: number) =>
        withFileLock(path, async () => {
          entered.push(number);
          await new Promise((resolve) => setImmediate(resolve));
          entered.push(number);
        });
      await Promise.all(Array.from({ length: 10 }, enter));
      expect(entered).toHaveLength(20);
      for (let i = 0; i < 20; i += 2) expect(entered[i]).toBe(entered[i + 1]);
      expect(await readdir(folder)).toEqual([]);
    },
  );

  it('stops waiting when told to', async () => {
    const holder = await start('hold');
    await once(holder, 'message');
    const reason = new Error('enough');
    const waiting = withFileLock(path, async () => 'in', { signal: AbortSignal.abort(reason) });
    await expect(waiting).rejects.toBe(reason);
  });

  it('is free again after work that failed', async () => {
    const failing = withFileLock(path, () => Promise.reject(new Error('broken')));
    await expect(failing).rejects.toThrow('broken');
    expect(await withFileLock(path, async () => 'in')).toBe('in');
  });
});
