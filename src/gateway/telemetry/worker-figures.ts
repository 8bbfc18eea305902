import type { Clock } from '../../kernel/clock.ts';
import { metrics } from './metrics.ts';
import type { Registry } from './registry.ts';
import { lasting, merged, type Snapshot } from './snapshot.ts';

/** One worker, as the process that collects sees it. */
export interface FollowedWorker {
  /** Its answer to the question of that number. */
  answered(question: number, snapshot: Snapshot): void;
  /** It is gone; what it counted stays. */
  ended(): void;
}

export interface WorkerFigures {
  /** A worker that can be asked from now on; `ask` may fail silently. */
  follow(ask: (question: number) => void): FollowedWorker;
  /** The figures of all workers, those that have ended included, as those of one. */
  collect(): Promise<Snapshot>;
}

interface Worker {
  readonly ask: (question: number) => void;
  readonly waiting: Map<number, (reply: Reply) => void>;
  last: Snapshot;
}

type Reply = 'answered' | 'silent' | 'ended';

const PATIENCE_MS = 1_000;

/**
 * Adds up what workers count. Totals never go backwards: what a worker told last stands for it when it does not answer
 * within a second, and stays when it has ended.
 */
export function createWorkerFigures(registry: Registry, clock: Clock): WorkerFigures {
  const workers = new Set<Worker>();
  const running = registry.cell(metrics.workers, {});
  const ends = registry.cell(metrics.workersEnded, {});
  const silences = registry.cell(metrics.workersSilent, {});
  let leftBehind: Snapshot = {};
  let questions = 0;

  const replyOf = async (worker: Worker, question: number): Promise<Reply> => {
    const reply = Promise.withResolvers<Reply>();
    const isOver = new AbortController();
    worker.waiting.set(question, reply.resolve);
    clock.sleep(PATIENCE_MS, isOver.signal).then(
      () => reply.resolve('silent'),
      // It has answered.
      () => undefined,
    );
    worker.ask(question);
    const said = await reply.promise;
    worker.waiting.delete(question);
    isOver.abort();
    return said;
  };

  return {
    follow(ask) {
      const worker: Worker = { ask, waiting: new Map(), last: {} };
      workers.add(worker);
      running.value = workers.size;
      return {
        answered(question, snapshot) {
          // One that has ended is counted already.
          if (!workers.has(worker)) return;
          worker.last = snapshot;
          worker.waiting.get(question)?.('answered');
        },
        ended() {
          if (!workers.delete(worker)) return;
          running.value = workers.size;
          ends.value += 1;
          leftBehind = merged([leftBehind, lasting(worker.last)]);
          for (const resolve of worker.waiting.values()) resolve('ended');
        },
      };
    },
    async collect() {
      questions += 1;
      const question = questions;
      const asked = [...workers];
      const replies = await Promise.all(asked.map((worker) => replyOf(worker, question)));
      const silent = new Set(asked.filter((_, i) => replies[i] === 'silent'));
      silences.value += silent.size;
      const told = [...workers].map((worker) => (silent.has(worker) ? lasting(worker.last) : worker.last));
      return merged([leftBehind, ...told]);
    },
  };
}
