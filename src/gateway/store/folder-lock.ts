import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, readlinkSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { CodedError } from '../../kernel/coded-error.ts';

const Owner = z.object({
  id: z.string(),
  pid: z.number(),
  host: z.string(),
  /** Where the process id means something: this start of the machine, this container. */
  space: z.string(),
  /** Process ids are used again: the same id with another start is another process. */
  started: z.string(),
});
type Owner = z.infer<typeof Owner>;

const HEARTBEAT_MS = 5_000;
/** An owner in another container or on another machine cannot be looked at: silent for this long, it counts as gone. */
const SILENT_MS = 20_000;
const MAX_TRIES = 10;

/**
 * Takes a folder for this process alone. A process that died is replaced at once. Throws CodedError `store_locked` that names
 * the owner, `store_unreachable` when nothing can be written there. Returns the release.
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'lock.json');
  const { pid } = process;
  const me: Owner = { id: randomUUID(), pid, host: hostname(), space: thisSpace(), started: startOf(pid) };
  try {
    take(path, me, folder);
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    const detail = `store.embedded: cannot write to ${folder} (${codeOf(cause)}); the user that runs the gateway needs a folder of its own there`;
    throw new CodedError('store_unreachable', { detail, cause });
  }
  return keep(path, me);
}

function take(path: string, me: Owner, folder: string): void {
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    if (placed(path, me)) return;
    const owner = ownerOf(path);
    if (owner && isAlive(owner, path)) throw locked(folder, owner);
    if (owner) removeStale(path, owner, me, folder);
  }
  throw new CodedError('store_locked', { detail: `store.embedded: cannot lock ${folder}; try again` });
}

/** Links a finished file into place: of several processes exactly one succeeds, and nobody sees half a file. */
function placed(path: string, me: Owner): boolean {
  const draft = `${path}.${me.id}.draft`;
  writeFileSync(draft, JSON.stringify(me), { mode: 0o600 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Only who holds the lock named after a dead owner may remove what that owner left, so that nobody removes a successor's. */
function removeStale(path: string, stale: Owner, me: Owner, folder: string): void {
  const removal = `${path}.${stale.id}.removal`;
  take(removal, me, folder);
  if (ownerOf(path)?.id === stale.id) rmSync(path, { force: true });
  rmSync(removal, { force: true });
}

function keep(path: string, me: Owner): () => void {
  const beat = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch {
      // Removed by hand, and whoever did that answers for it.
    }
  }, HEARTBEAT_MS);
  beat.unref();
  return () => {
    clearInterval(beat);
    if (ownerOf(path)?.id === me.id) rmSync(path, { force: true });
  };
}

function ownerOf(path: string): Owner | undefined {
  try {
    return Owner.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    const detail = `store.embedded: ${path} cannot be read as a lock; remove it if no gateway uses the folder`;
    throw new CodedError('store_locked', { detail, cause });
  }
}

function isAlive(owner: Owner, path: string): boolean {
  if (!isInSight(owner))
    return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < SILENT_MS;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
  return owner.started === startOf(owner.pid);
}

function isInSight(owner: Owner): boolean {
  return owner.host === hostname() && owner.space === thisSpace();
}

/** Empty where there is no /proc. */
function thisSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
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

function locked(folder: string, owner: Owner): CodedError {
  const where = isInSight(owner)
    ? ''
    : ` on ${owner.host} (if that one is gone, the folder is free ${SILENT_MS / 1000} seconds after its last sign of life)`;
  const detail = `store.embedded: ${folder} is in use by process ${owner.pid}${where}; an embedded store serves one gateway at a time. Stop it, choose another folder, or use store.postgres_url for several replicas`;
  return new CodedError('store_locked', { detail });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
