import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { LoadedConfig } from '../config/load.ts';
import { openSupervisorMetrics, type SupervisorMetrics } from '../gateway/doors/worker-metrics.ts';
import { createLog } from '../gateway/log-writer.ts';
import { CodedError } from '../kernel/coded-error.ts';
import type { Log, LogLevel } from '../kernel/log.ts';
import type { WorkerOrder } from './gateway-control.ts';
import type { Host } from './host.ts';

const MAX_WORKERS = 256;

/** `--workers <n|auto>`: how many processes serve. Throws CodedError `bad_usage`. */
export function workerCount(text: string | undefined): number {
  if (text === undefined) return 1;
  if (text === 'auto') return availableParallelism();
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_WORKERS) return count;
  throw new CodedError('bad_usage', {
    detail: `--workers takes auto or a whole number from 1 to ${MAX_WORKERS}`,
  });
}

/** The embedded store belongs to one process. Throws CodedError `config_invalid`. */
export function refuseSharedEmbeddedStore({ config }: LoadedConfig, workers: number): void {
  if (workers === 1 || config.store.embedded === undefined) return;
  throw new CodedError('config_invalid', {
    detail: `store.embedded: one process holds the embedded store, and --workers ${workers} needs ${workers}; name store.postgres_url, or leave --workers out`,
  });
}

/** How long a worker that keeps crashing is left alone: doubled each time, from one second to half a minute. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** A worker that has lived this long is not one that keeps crashing. */
const STEADY_MS = 60_000;

/**
 * Serves on several processes that share the port: connections are handed out in turn. The first worker boots alone, so
 * that whatever is wrong is said once; one that crashes loses its own streams only and is replaced. Signals reach all of
 * them. Resolves when all have ended; throws `command_failed` with the exit code of a first worker that could not start.
 */
export async function superviseWorkers(host: Host, workers: number, options: Supervising): Promise<void> {
  const { level, loaded, version } = options;
  const { format } = loaded.config.log;
  const log = createLog({ level, format, write: (line) => host.stderr.write(line) }, host.clock);
  const metrics = await openSupervisorMetrics(loaded, version, { log, clock: host.clock });
  cluster.setupPrimary({ silent: true });
  let isStopping = false;
  const order = (what: WorkerOrder): void => {
    for (const worker of running()) if (worker.isConnected()) worker.send(what);
  };
  const stop = (): void => {
    isStopping = true;
    order('sallyport:stop');
  };
  const forget = [
    host.onSignal('SIGTERM', stop),
    host.onSignal('SIGINT', stop),
    host.onSignal('SIGHUP', () => order('sallyport:reopen')),
  ];
  const start = (): Worker => fork(host, metrics);
  try {
    const first = await startFirst(start);
    const others = Array.from({ length: isStopping ? 0 : workers - 1 }, start);
    const kept = { host, log, start, isStopping: () => isStopping };
    await Promise.all([first, ...others].map((worker) => keep(worker, kept)));
  } finally {
    for (const undo of forget) undo();
    await metrics?.close();
  }
}

export interface Supervising {
  readonly level: LogLevel;
  readonly loaded: LoadedConfig;
  readonly version: string;
}

interface Keeping {
  readonly host: Host;
  readonly log: Log;
  readonly start: () => Worker;
  readonly isStopping: () => boolean;
}

/** Replaces a worker whenever it ends before it was told to. */
async function keep(first: Worker, { host, log, start, isStopping }: Keeping): Promise<void> {
  let worker = first;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    const bornAtMs = host.clock.monotonicMs();
    const { code, signal } = await ended(worker);
    if (isStopping()) return;
    pauseMs = host.clock.monotonicMs() - bornAtMs >= STEADY_MS ? FIRST_PAUSE_MS : pauseMs;
    log.error(
      `worker ${worker.id} (pid ${worker.process.pid}) ended unexpectedly (${signal ?? `exit code ${code}`}); its streams are lost, another one starts in ${pauseMs / 1000} s`,
    );
    await host.clock.sleep(pauseMs);
    if (isStopping()) return;
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    worker = start();
  }
}

async function ended(
  worker: Worker,
): Promise<{ readonly code: number | null; readonly signal: string | null }> {
  if (!worker.isDead()) await once(worker, 'exit');
  const { exitCode, signalCode } = worker.process;
  return { code: exitCode, signal: signalCode };
}

/** The first worker, once it listens or has been stopped before. */
async function startFirst(start: () => Worker): Promise<Worker> {
  const worker = start();
  const code = await new Promise<number | undefined>((resolve) => {
    worker.once('listening', () => resolve(undefined));
    worker.once('exit', (exitCode: number) => resolve(exitCode));
  });
  // It has said itself what was wrong.
  if (code !== undefined && code !== 0) throw new CodedError('command_failed', { facts: { exitCode: code } });
  return worker;
}

function running(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

/** One more process with the same arguments. What it prints goes through here, so that lines of two never mix. */
function fork(host: Host, metrics: SupervisorMetrics | undefined): Worker {
  const worker = cluster.fork();
  if (metrics) worker.once('listening', () => followFigures(worker, metrics));
  const { stdout, stderr } = worker.process;
  if (stdout) passLines(stdout, host.stdout);
  if (stderr) passLines(stderr, host.stderr);
  return worker;
}

/** From when it serves to its end. */
function followFigures(worker: Worker, metrics: SupervisorMetrics): void {
  const { heard, ended: over } = metrics.follow((message) => {
    // One that is gone does not answer, and is not waited for.
    if (worker.isConnected()) worker.send(message, () => undefined);
  });
  worker.on('message', heard);
  worker.once('exit', over);
}

/** Passes whole lines on, as fast as they are taken; what follows the last line break waits for the rest of its line. */
function passLines(from: Readable, to: Writable): void {
  let rest: Buffer = Buffer.alloc(0);
  from.on('data', (chunk: Buffer) => {
    const end = chunk.lastIndexOf(LINE_BREAK) + 1;
    const lines = Buffer.concat([rest, chunk.subarray(0, end)]);
    rest = end === 0 ? Buffer.concat([rest, chunk]) : chunk.subarray(end);
    if (end === 0 || to.write(lines)) return;
    from.pause();
    to.once('drain', () => from.resume());
  });
  from.on('end', () => {
    if (rest.length > 0) to.write(rest);
  });
}

const LINE_BREAK = 0x0a;
