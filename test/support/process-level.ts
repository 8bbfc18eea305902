import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What a process holds of its machine at one moment, as Linux counts it. */
export interface ProcessLevel {
  /** Open descriptors but for connections to the store. */
  readonly descriptors: number;
  /** Connections to the store's port. */
  readonly storeConnections: number;
  readonly residentBytes: number;
}

export function levelOf(pid: number, storePort: number): ProcessLevel {
  const descriptors = linksOf(pid);
  const toStore = socketsTo(pid, storePort);
  const storeConnections = descriptors.filter((link) => toStore.has(link)).length;
  const [, residentKib = '0'] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return {
    descriptors: descriptors.length - storeConnections,
    storeConnections,
    residentBytes: Number(residentKib) * 1024,
  };
}

/** Lets a running process have no more than so many descriptors. */
export function limitDescriptors(pid: number, count: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${count}:`]);
}

/** Every descriptor of a process, as what it leads to. */
function linksOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(`${folder}/${name}`)];
    } catch {
      // Closed in the meantime.
      return [];
    }
  });
}

const REMOTE = 2;
const INODE = 9;

function socketsTo(pid: number, port: number): ReadonlySet<string> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const lines = ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/${pid}/net/${name}`, 'utf8').trim().split('\n').slice(1),
  );
  const rows = lines.map((line) => line.trim().split(/\s+/));
  return new Set(
    rows.filter((row) => row[REMOTE]?.endsWith(`:${hexPort}`)).map((row) => `socket:[${row[INODE]}]`),
  );
}
