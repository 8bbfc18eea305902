import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { CodedError } from '../../kernel/coded-error.ts';

const Owner = z.object({ id: z.string(), pid: z.number(), host: z.string(), started: z.string() });
type Owner = z.infer<typeof Owner>;

const HEARTBEAT_MS = 5_000;
/** An owner on another host cannot be looked at: it counts as gone when it has been silent for this long. */
const SILENT_MS = 60_000;
const MAX_TRIES = 10;

/**
 * Takes a folder for this process alone. A process that died is replaced at once. Throws CodedError `store_locked` that names
 * the owner. Returns the release.
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'lock.json');
  const me: Owner = { id: randomUUID(), pid: process.pid, host: hostname(), started: startOf(process.pid) };
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    if (placed(path, me)) return keep(path, me);
    const owner = ownerOf(path);
    if (owner && isAlive(owner, path)) throw locked(folder, owner);
    if (owner) removeStale(path, owner);
  }
  throw new CodedError('store_locked', { detail: `store.embedded: cannot lock ${folder}; try again` });
}

/** Links a finished file into place: of several processes exactly one succeeds, and nobody sees half a file. */
function placed(path: string, me: Owner): boolean {
  const draft = `${path}.${me.id}`;
  writeFileSync(draft, JSON.stringify(me), { mode: 0o600 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function keep(path: string, me: Owner): () => void {
  const beat = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch {
      // Removed by hand: the lock held in memory still keeps this process from opening the folder twice.
    }
  }, HEARTBEAT_MS);
  beat.unref();
  return () => {
    clearInterval(beat);
    if (ownerOf(path)?.id === me.id) rmSync(path, { force: true });
  };
}

/** Moves the file away first: of several processes that found it stale only one gets it, and it looks again at what it got. */
function removeStale(path: string, stale: Owner): void {
  const aside = `${path}.${randomUUID()}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  try {
    if (ownerOf(aside)?.id !== stale.id) linkSync(aside, path);
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function ownerOf(path: string): Owner | undefined {
  try {
    return Owner.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw new CodedError('store_locked', {
      detail: `store.embedded: ${path} cannot be read as a lock; remove it if no gateway uses the folder`,
      cause: error,
    });
  }
}

function isAlive(owner: Owner, path: string): boolean {
  if (owner.host !== hostname())
    return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < SILENT_MS;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return isCode(error, 'EPERM');
  }
  // Process ids are used again: the same id with another start is another process.
  return owner.started === startOf(owner.pid);
}

/** When a process started, in the kernel's own count; empty where there is no /proc. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function locked(folder: string, { pid, host }: Owner): CodedError {
  const who = host === hostname() ? `process ${pid}` : `process ${pid} on ${host}`;
  const detail = `store.embedded: ${folder} is in use by ${who}; an embedded store serves one gateway at a time. Stop it, choose another folder, or use store.postgres_url for several replicas`;
  return new CodedError('store_locked', { detail });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
