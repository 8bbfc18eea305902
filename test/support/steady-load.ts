import { EventEmitter } from 'node:events';

/** Clients that each do their work again and again. */
export interface SteadyLoad {
  /** How often work has been done. */
  readonly done: number;
  /** What has failed, by the message it failed with. */
  readonly failures: readonly string[];
  /** Resolves when work has been done so many times from now. */
  more(times: number): Promise<void>;
  /** Resolves when every client has finished what it was doing. */
  stop(): Promise<void>;
}

/** Starts a client for each piece of work. A piece that rejects has failed, and its client goes on. */
export function startSteadyLoad(work: readonly (() => Promise<void>)[]): SteadyLoad {
  const failures: string[] = [];
  const progress = new EventEmitter<{ done: [] }>().setMaxListeners(0);
  let done = 0;
  let isOver = false;

  const client = async (piece: () => Promise<void>): Promise<void> => {
    while (!isOver) {
      await piece().catch((error: unknown) => failures.push(String(error)));
      done += 1;
      progress.emit('done');
    }
  };
  const clients = work.map(client);

  return {
    get done() {
      return done;
    },
    failures,
    more(times) {
      const target = done + times;
      return new Promise((resolve) => {
        const look = () => {
          if (done < target) return;
          progress.off('done', look);
          resolve();
        };
        progress.on('done', look);
      });
    },
    async stop() {
      isOver = true;
      await Promise.all(clients);
    },
  };
}
