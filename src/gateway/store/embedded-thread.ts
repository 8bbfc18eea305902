import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { CodedError } from '../../kernel/coded-error.ts';
import type { FromWorker, ToWorker } from './embedded-messages.ts';

/** The thread that holds the embedded database. */
export interface EmbeddedThread {
  post(message: ToWorker): void;
  /** For how long it has owed an answer. Out of disk space, for one, the database turns in a circle and says nothing. */
  silentMs(): number;
  /** Ends it in the middle of what it does; the handler `ended` is told. */
  kill(reason: string): void;
  /** Lets the database finish, but not for ever, and ends. */
  close(): Promise<void>;
}

export interface ThreadHandlers {
  data(connection: number, bytes: Uint8Array): void;
  /** It ended by itself. */
  ended(reason: string): void;
}

/** What the embedded database writes into its folder; another number is another release's and unreadable to this one. */
const DATA_VERSION = '18';

const OPENING_MS = 60_000;
const CLOSING_MS = 5_000;

/** Resolves when the database is open. Throws CodedError `store_unreachable`, `store_unsupported`. */
export async function startEmbeddedThread(folder: string, handlers: ThreadHandlers): Promise<EmbeddedThread> {
  refuseOtherVersions(folder);
  const worker = new Worker(workerFile(), { workerData: { folder } });
  let reason = 'without a reason';
  worker.on('error', (error) => {
    reason = error instanceof Error ? error.message : String(error);
  });
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const endAfter = (ms: number, why: string) => setTimeout(() => end(why), ms);
  const end = (why: string): void => {
    reason = why;
    void worker.terminate();
  };

  const opening = endAfter(OPENING_MS, `no answer in ${OPENING_MS / 1000} seconds`);
  const ready = new Promise<true>((resolve) => worker.once('message', () => resolve(true)));
  const isReady = await Promise.race([ready, exited]);
  clearTimeout(opening);
  if (!isReady) throw unopened(folder, reason);

  let isClosing = false;
  let owed = 0;
  let lastSign = performance.now();
  worker.on('message', (message: FromWorker) => {
    lastSign = performance.now();
    if (message.kind === 'data') handlers.data(message.connection, message.bytes);
    if (message.kind === 'done') owed -= 1;
  });
  void exited.then(() => {
    if (!isClosing) handlers.ended(reason);
  });
  return {
    post(message) {
      if (owed === 0) lastSign = performance.now();
      owed += 1;
      worker.postMessage(message);
    },
    silentMs: () => (owed === 0 ? 0 : performance.now() - lastSign),
    kill: end,
    async close() {
      isClosing = true;
      worker.postMessage({ kind: 'close' } satisfies ToWorker);
      const closing = endAfter(CLOSING_MS, 'closed');
      await exited;
      clearTimeout(closing);
    },
  };
}

function unopened(folder: string, reason: string): CodedError {
  const detail = `store.embedded: ${folder} cannot be opened (${reason}); is the disk full, or the folder damaged?`;
  return new CodedError('store_unreachable', { detail });
}

function refuseOtherVersions(folder: string): void {
  const file = join(folder, 'PG_VERSION');
  const version = existsSync(file) ? readFileSync(file, 'utf8').trim() : DATA_VERSION;
  if (version === DATA_VERSION) return;
  const detail = `store.embedded: ${folder} was made by another release of sallyport (data version ${version}, this one reads ${DATA_VERSION}); export it with that release and import it with this one, or choose another folder`;
  throw new CodedError('store_unsupported', { detail });
}

/** Beside this file in the sources; a bundle has it beside or above its parts. */
function workerFile(): URL {
  const candidates = ['./embedded-worker.ts', './embedded-worker.js', '../embedded-worker.js'];
  const found = candidates
    .map((name) => new URL(name, import.meta.url))
    .find((url) => existsSync(fileURLToPath(url)));
  if (!found)
    throw new CodedError('store_unreachable', {
      detail: 'the embedded store is missing from this installation',
    });
  return found;
}
