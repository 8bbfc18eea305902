import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';

import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './free-port.ts';

/** The superuser of every test cluster. */
export const SUPERUSER = 'postgres';
export const PASSWORD = 'a password of the tests';

/** A data folder that initdb has made and nobody has started; clusters are copies of it. */
export interface Pristine {
  readonly binaries: string;
  /** Holds `data`. */
  readonly folder: string;
}

export interface ClusterOptions {
  /** Server settings, e.g. `{ max_connections: '10' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Files for the data folder by name, e.g. a certificate that a setting names. */
  readonly files?: Readonly<Record<string, string>>;
  /** A folder that goes with the cluster's own. */
  readonly alsoRemove?: string;
}

/** A server of its own on 127.0.0.1, ::1 and a unix socket, always on the same port. */
export interface Cluster {
  readonly port: number;
  /** Holds the unix socket. */
  readonly folder: string;
  /** A URL with the superuser's name and password. */
  url(database?: string): string;
  /** Ends the server and keeps its data. `immediate` is what a crash looks like to its clients. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  /** Starts a stopped server. */
  start(): Promise<void>;
  /** SIGSTOP for every process of the server: connections stay open and nothing is answered. */
  pause(): void;
  resume(): void;
  /** Ends the server and removes everything it has written. */
  remove(): Promise<void>;
}

/** The folder with initdb and postgres: the newest that Debian has installed, else the first in PATH. */
export function findPostgresBinaries(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

export function createPristine(binaries: string): Pristine {
  const folder = makeFolder('sallyport-initdb-');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, PASSWORD);
  const options = ['-U', SUPERUSER, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8'];
  execFileSync(
    join(binaries, 'initdb'),
    ['-D', join(folder, 'data'), ...options, '--locale=C', '--no-sync', '--wal-segsize=1'],
    { ...unprivileged(), cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  return { binaries, folder };
}

/** Starts a cluster on a copy of the pristine one. It ends, and its folder goes, even when this process is killed. */
export async function startCluster(pristine: Pristine, options: ClusterOptions = {}): Promise<Cluster> {
  const folder = makeFolder('sallyport-postgres-');
  const dataFolder = join(folder, 'data');
  execFileSync('cp', ['-a', join(pristine.folder, 'data'), dataFolder]);
  for (const [name, content] of Object.entries(options.files ?? {})) {
    writeFileSync(join(dataFolder, name), content, { mode: 0o600 });
    giveAway(join(dataFolder, name));
  }
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1,::1',
    port: String(port),
    unix_socket_directories: folder,
    fsync: 'off',
    shared_buffers: '32MB',
    ...options.settings,
  };
  const folders = { folder, alsoRemove: options.alsoRemove ?? folder };
  const start = () => startServer(pristine.binaries, folders, settings);
  let server: Server | undefined = await start();
  return {
    port,
    folder,
    url: (database = 'postgres') =>
      `postgres://${SUPERUSER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${database}`,
    async stop(mode = 'fast') {
      await server?.stop(mode);
      server = undefined;
    },
    async start() {
      server ??= await start();
    },
    pause: () => server?.signal('SIGSTOP'),
    resume: () => server?.signal('SIGCONT'),
    async remove() {
      server?.signal('SIGCONT');
      await server?.stop('immediate');
      server = undefined;
      for (const path of Object.values(folders)) rmSync(path, { recursive: true, force: true });
    },
  };
}

interface Server {
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  stop(mode: 'fast' | 'immediate'): Promise<void>;
}

/** Waits for the end of its input. Without a word before it, the process that started the server is gone: all goes with it. */
const KEEPER = `
server=$1; shift
read -r word && exit
kill -s CONT $server; kill -s QUIT $server
while kill -s 0 $server; do sleep 0.1; done
rm -rf "$@"`;

async function startServer(
  binaries: string,
  { folder, alsoRemove }: { readonly folder: string; readonly alsoRemove: string },
  settings: Readonly<Record<string, string>>,
): Promise<Server> {
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const options = { ...unprivileged(), cwd: folder, detached: true } as const;
  const postmaster = spawn(join(binaries, 'postgres'), ['-D', join(folder, 'data'), ...flags], {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => postmaster.once('exit', () => resolve()));
  const pid = postmaster.pid ?? 0;
  const keeper = spawn('/bin/sh', ['-c', KEEPER, 'keeper', String(pid), folder, alsoRemove], {
    ...options,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  await isReady(postmaster);
  return {
    signal(signal) {
      for (const process of [pid, ...childrenOf(pid)]) send(process, signal);
    },
    async stop(mode) {
      send(pid, mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
      await ended;
      keeper.stdin?.end('ended\n');
    },
  };
}

/** Resolves at the server's own line that says so; rejects with its last line when it ends instead. */
async function isReady(postmaster: ChildProcess): Promise<void> {
  if (!postmaster.stderr) throw new Error('the server has no log');
  let last = '';
  const lines = createInterface(postmaster.stderr);
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      last = line;
      if (line.includes('ready to accept connections')) resolve();
    });
    postmaster.once('error', reject);
    postmaster.once('close', () => reject(new Error(`PostgreSQL did not start: ${last}`)));
  });
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Ended in the meantime.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function childrenOf(parent: number): number[] {
  const listed = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return listed
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid = 0, ppid]) => (ppid === parent ? [pid] : []));
}

function makeFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  giveAway(folder);
  return folder;
}

/** PostgreSQL refuses to run as root: then its own user runs it. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const user = hasUser(SUPERUSER) ? SUPERUSER : 'nobody';
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

function hasUser(name: string): boolean {
  return readFileSync('/etc/passwd', 'utf8').includes(`\n${name}:`);
}

function giveAway(path: string): void {
  const { uid, gid } = unprivileged();
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}
