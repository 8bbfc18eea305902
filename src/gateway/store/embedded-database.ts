import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Database } from './database.ts';
import type { FromWorker, ToWorker } from './embedded-messages.ts';
import { createEmbeddedSocket } from './embedded-socket.ts';
import { lockFolder } from './folder-lock.ts';
import { createSocketDatabase } from './sql-database.ts';

/** Opens (or makes) the embedded database in a folder, for this process alone. Throws CodedError `store_locked`, `store_unreachable`. */
export async function openEmbeddedDatabase(
  folder: string,
  statementTimeoutMs: number,
  log: Log,
): Promise<Database> {
  makeFolder(folder);
  const release = lockFolder(folder);
  try {
    const worker = await startWorker(join(folder, 'data'));
    return connectTo(worker, statementTimeoutMs, release, log);
  } catch (error) {
    release();
    throw error;
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new CodedError('store_unreachable', {
      detail: `store.embedded: cannot make the folder ${folder}`,
      cause,
    });
  }
}

function startWorker(folder: string): Promise<Worker> {
  const worker = new Worker(workerFile(), { workerData: { folder } });
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => {
      const detail = `store.embedded: ${folder} cannot be opened (${cause.message}); is the disk full, or the folder damaged?`;
      reject(new CodedError('store_unreachable', { detail, cause }));
    };
    worker.once('error', failed);
    worker.once('message', () => {
      worker.off('error', failed);
      resolve(worker);
    });
  });
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

function connectTo(worker: Worker, statementTimeoutMs: number, release: () => void, log: Log): Database {
  const tell = (message: ToWorker): void => worker.postMessage(message);
  let connections = 0;
  let current: ReturnType<typeof createEmbeddedSocket> | undefined;
  let isClosing = false;

  const socket = () => {
    connections += 1;
    const connection = connections;
    current = createEmbeddedSocket({
      batch: (bytes) => tell({ kind: 'batch', connection, bytes: new Uint8Array(bytes) }),
      hangUp: () => tell({ kind: 'hang_up' }),
    });
    return current;
  };

  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'data' && message.connection === connections) current?.receive(message.bytes);
    if (message.kind === 'failed')
      current?.destroy(Object.assign(new Error('embedded store failed'), { code: 'EMBEDDED_FAILED' }));
  });
  worker.on('error', (error) => log.error(`embedded store stopped: ${error.message}; restart the gateway`));
  worker.on('exit', () => {
    if (!isClosing)
      current?.destroy(Object.assign(new Error('embedded store stopped'), { code: 'EMBEDDED_STOPPED' }));
  });

  const database = createSocketDatabase(socket, statementTimeoutMs);
  return {
    ...database,
    // There is one session, and it answers or the thread is gone: new connections would change nothing.
    reset: () => undefined,
    async close() {
      isClosing = true;
      await database.close();
      const closed = new Promise<void>((resolve) => {
        worker.on('message', (message: FromWorker) => message.kind === 'closed' && resolve());
        worker.once('exit', () => resolve());
      });
      tell({ kind: 'close' });
      await closed;
      await worker.terminate();
      release();
    },
  };
}
