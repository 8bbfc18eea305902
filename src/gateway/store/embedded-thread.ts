import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { CodedError } from '../../kernel/coded-error.ts';
import type { FromWorker, ToWorker } from './embedded-messages.ts';

/** The thread that holds the embedded database. */
export interface EmbeddedThread {
  post(message: ToWorker): void;
  /** Lets the database finish and ends. */
  close(): Promise<void>;
}

export interface ThreadHandlers {
  data(connection: number, bytes: Uint8Array): void;
  /** It ended by itself. */
  ended(reason: string): void;
}

/** What the embedded database writes into its folder; another number is another release's and unreadable to this one. */
const DATA_VERSION = '18';

/** Resolves when the database is open. Throws CodedError `store_unreachable`, `store_unsupported`. */
export async function startEmbeddedThread(folder: string, handlers: ThreadHandlers): Promise<EmbeddedThread> {
  refuseOtherVersions(folder);
  const worker = new Worker(workerFile(), { workerData: { folder } });
  let reason = 'without a reason';
  worker.on('error', (error) => {
    reason = error instanceof Error ? error.message : String(error);
  });
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const ready = new Promise<true>((resolve) => worker.once('message', () => resolve(true)));
  if (!(await Promise.race([ready, exited]))) throw unopened(folder, reason);

  let isClosing = false;
  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'data') handlers.data(message.connection, message.bytes);
  });
  void exited.then(() => {
    if (!isClosing) handlers.ended(reason);
  });
  return {
    post: (message) => worker.postMessage(message),
    async close() {
      isClosing = true;
      worker.postMessage({ kind: 'close' } satisfies ToWorker);
      await exited;
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
