import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import type { FromWorker, ToWorker } from './embedded-messages.ts';

/**
 * The thread that holds the embedded database, so that a long statement never holds up a request. Speaks PostgreSQL's wire
 * protocol in whole batches, one connection at a time.
 */
const port = parentPort;
if (!port) throw new Error('embedded-worker runs as a worker thread only');
const send = (message: FromWorker): void => port.postMessage(message);

const database = await PGlite.create({ dataDir: String(workerData.folder) });
let work = Promise.resolve();
send({ kind: 'ready' });

port.on('message', (message: ToWorker) => {
  work = work
    .then(() => handle(message))
    .catch((error: unknown) => send({ kind: 'failed', reason: String(error) }));
});

async function handle(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'batch':
      await database.runExclusive(() =>
        database.execProtocolRawStream(message.bytes, {
          onRawData: (bytes) => send({ kind: 'data', connection: message.connection, bytes: bytes.slice() }),
        }),
      );
      return;
    case 'hang_up':
      // A connection that ends inside a transaction leaves nothing behind.
      if (database.isInTransaction()) await database.exec('rollback');
      return;
    case 'close':
      await database.close();
      send({ kind: 'closed' });
  }
}
