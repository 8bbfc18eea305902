import { join } from 'node:path';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import { makeFolder } from '../../kernel/make-folder.ts';
import type { Database } from './database.ts';
import { createEmbeddedSocket } from './embedded-socket.ts';
import { type EmbeddedThread, startEmbeddedThread, type ThreadHandlers } from './embedded-thread.ts';
import { lockFolder } from './folder-lock.ts';
import { createSocketDatabase } from './sql-database.ts';

/** A thread that has said nothing for the time of so many statements does not answer any more. */
const SILENT_STATEMENTS = 5;

/**
 * Opens (or makes) the embedded database in a folder, for this process alone. A thread that dies is started again by the next
 * statement. Throws CodedError `store_locked`, `store_unreachable`, `store_unsupported`.
 */
export async function openEmbeddedDatabase(
  folder: string,
  statementTimeoutMs: number,
  log: Log,
): Promise<Database> {
  makeStoreFolder(folder);
  const release = lockFolder(folder);
  let connections = 0;
  let current: ReturnType<typeof createEmbeddedSocket> | undefined;
  let running: Promise<EmbeddedThread> | undefined;
  /** What `running` has resolved to. */
  let alive: EmbeddedThread | undefined;

  const handlers: ThreadHandlers = {
    data(connection, bytes) {
      if (connection === connections) current?.receive(bytes);
    },
    ended(reason) {
      running = alive = undefined;
      log.error(`embedded store stopped (${reason}); starting it again`);
      current?.destroy(gone('EMBEDDED_STOPPED'));
    },
  };

  const thread = (): Promise<EmbeddedThread> => {
    running ??= startEmbeddedThread(join(folder, 'data'), handlers).then(
      (thread) => {
        alive = thread;
        return thread;
      },
      (error: unknown) => {
        running = undefined;
        throw error;
      },
    );
    return running;
  };

  const socket = () => {
    connections += 1;
    const connection = connections;
    const started = thread();
    const tell = (message: Parameters<EmbeddedThread['post']>[0]): void =>
      void started.then(({ post }) => post(message)).catch(() => undefined);
    const opened = createEmbeddedSocket({
      batch: (bytes) => tell({ kind: 'batch', connection, bytes: new Uint8Array(bytes) }),
      hangUp: () => tell({ kind: 'hang_up', connection }),
    });
    started.catch(() => opened.destroy(gone('EMBEDDED_UNREADABLE')));
    current = opened;
    return opened;
  };

  try {
    await thread();
  } catch (error) {
    release();
    throw error;
  }
  const database = createSocketDatabase(socket, statementTimeoutMs);
  return {
    ...database,
    reset() {
      database.reset();
      const silentMs = alive?.silentMs() ?? 0;
      if (silentMs > SILENT_STATEMENTS * statementTimeoutMs)
        alive?.kill(`no answer in ${Math.round(silentMs / 1000)} seconds; is the disk full?`);
    },
    async close() {
      await database.close();
      const last = await running?.catch(() => undefined);
      await last?.close();
      release();
    },
  };
}

function makeStoreFolder(folder: string): void {
  try {
    makeFolder(folder, 0o700);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? cause.code : 'no reason given';
    const detail = `store.embedded: cannot make the folder ${folder} (${reason}); name one that the user who runs the gateway may make or write`;
    throw new CodedError('store_unreachable', { detail, cause });
  }
}

function gone(code: string): Error {
  return Object.assign(new Error('the embedded store is not running'), { code });
}
