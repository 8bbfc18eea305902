import { randomBytes } from 'node:crypto';
import { link, open, rename, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { CodedError } from '../kernel/coded-error.ts';

export interface FileLockOptions {
  /** How long to wait for another process before giving up with `lock_held`. */
  readonly timeoutMs?: number;
  /** A lock older than this is taken over even if a process of its holder's number lives: numbers are used again. */
  readonly abandonedAfterMs?: number;
  readonly signal?: AbortSignal;
}

const holder = z.object({
  pid: z.number().int(),
  machine: z.string(),
  nonce: z.string().regex(/^[0-9a-f]+$/),
});
type Holder = z.infer<typeof holder>;

/**
 * Runs `work` while no other process that uses the same path runs theirs. The holder's death, kill -9 included, frees
 * the lock for the next one that asks. The folder must exist. Throws `lock_held` after `timeoutMs`.
 */
export async function withFileLock<T>(
  path: string,
  work: () => Promise<T>,
  { timeoutMs = 30_000, abandonedAfterMs = 120_000, signal }: FileLockOptions = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let nonce = await tryAcquire(path, abandonedAfterMs);
  while (nonce === undefined) {
    signal?.throwIfAborted();
    if (performance.now() > deadline) {
      throw new CodedError('lock_held', { facts: { path } });
    }
    await delay(20 + Math.random() * 30);
    nonce = await tryAcquire(path, abandonedAfterMs);
  }
  try {
    return await work();
  } finally {
    await release(path, nonce);
  }
}

/** One attempt: the nonce under which the lock is held. It appears with its content in one step, never half of it. */
async function tryAcquire(path: string, abandonedAfterMs: number): Promise<string | undefined> {
  const mine: Holder = { pid: process.pid, machine: hostname(), nonce: randomBytes(12).toString('hex') };
  const claim = `${path}.${mine.nonce}.claim`;
  await writeFile(claim, JSON.stringify(mine), { mode: 0o600, flag: 'wx' });
  try {
    if (await linked(claim, path)) return mine.nonce;
    const current = await inspect(path);
    if (!current || !isAbandoned(current, abandonedAfterMs)) return undefined;
    const isTaken = await takeOver(path, claim, current.nonce, abandonedAfterMs);
    return isTaken ? mine.nonce : undefined;
  } finally {
    await unlink(claim).catch(() => undefined);
  }
}

/**
 * Replaces a dead holder's lock. Of those that saw the same dead holder only the one that holds the lock named after
 * its nonce may replace it, and only while it is still that holder's: so nobody can push out a successor.
 */
async function takeOver(
  path: string,
  claim: string,
  deadNonce: string,
  abandonedAfterMs: number,
): Promise<boolean> {
  const right = `${path}.${deadNonce}`;
  const nonce = await tryAcquire(right, abandonedAfterMs);
  if (nonce === undefined) return false;
  try {
    const current = await inspect(path);
    if (current?.nonce !== deadNonce) return false;
    await rename(claim, path);
    return true;
  } finally {
    await release(right, nonce);
  }
}

/** A holder that took too long may have been replaced; then the lock is the successor's. */
async function release(path: string, nonce: string): Promise<void> {
  const current = await inspect(path);
  if (current?.nonce === nonce) await unlink(path);
}

async function linked(claim: string, path: string): Promise<boolean> {
  try {
    await link(claim, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

interface Lock {
  /** `undefined` where the file does not say: a power cut can leave its name without its content. */
  readonly holder: Holder | undefined;
  /** The holder's, or what tells a file without one from the next. */
  readonly nonce: string;
  readonly ageMs: number;
}

/** `undefined` when the lock was released meanwhile. Content and age are those of one file, even if it is replaced. */
async function inspect(path: string): Promise<Lock | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { mtimeMs, ino } = await file.stat();
      const named = holderIn(await file.readFile('utf8'));
      return { holder: named, nonce: named?.nonce ?? `${ino}-${mtimeMs}`, ageMs: Date.now() - mtimeMs };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new CodedError('lock_held', { facts: { path }, cause: error });
  }
}

function holderIn(text: string): Holder | undefined {
  try {
    return holder.parse(JSON.parse(text));
  } catch {
    // Then its age tells how long it has been there.
    return undefined;
  }
}

function isAbandoned({ holder, ageMs }: Lock, abandonedAfterMs: number): boolean {
  if (ageMs > abandonedAfterMs) return true;
  return holder?.machine === hostname() && !isAlive(holder.pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user cannot be signalled, but it lives.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
