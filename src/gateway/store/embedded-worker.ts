import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import type { FromWorker, ToWorker } from './embedded-messages.ts';

/**
 * The thread that holds the embedded database, so that a long statement never holds up a request. Speaks PostgreSQL's wire
 * protocol in whole batches, one connection at a time. What fails here is beyond SQL: the thread ends with it, and the next
 * one recovers from what is on disk.
 */
const port = parentPort;
if (!port) throw new Error('embedded-worker runs as a worker thread only');
const send = (message: FromWorker): void => port.postMessage(message);

const database = await PGlite.create({ dataDir: String(workerData.folder) });
let work = Promise.resolve();
/** The connection that is being served; there is one session, so a later one ends it. */
let current = 0;
send({ kind: 'ready' });

port.on('message', (message: ToWorker) => {
  work = work.then(() => handle(message)).then(() => send({ kind: 'done' }));
});

async function handle(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'batch':
      return run(message.connection, message.bytes);
    case 'hang_up':
      if (message.connection === current) await forget();
      return;
    case 'close':
      await database.close();
      port?.close();
  }
}

async function run(connection: number, bytes: Uint8Array): Promise<void> {
  if (connection < current) return;
  if (connection > current) await forget();
  current = connection;
  await database.runExclusive(() =>
    database.execProtocolRawStream(bytes, {
      onRawData: (answer) => send({ kind: 'data', connection, bytes: answer.slice() }),
    }),
  );
}

/** A connection that ends leaves nothing behind, no open transaction and no statements. */
async function forget(): Promise<void> {
  if (database.isInTransaction()) await database.exec('rollback');
  await database.exec('deallocate all');
}
