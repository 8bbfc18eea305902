import { z } from 'zod';
import type { LoadedConfig } from '../../config/load.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import { startProcessFigures } from '../telemetry/process-figures.ts';
import { createRegistry } from '../telemetry/registry.ts';
import { merged, type Snapshot, snapshotShape } from '../telemetry/snapshot.ts';
import { createWorkerFigures } from '../telemetry/worker-figures.ts';
import { openMetricsPage } from './metrics.ts';

/** What the supervisor asks a worker, and is answered. */
const questionShape = z.object({ evt: z.literal('sallyport:metrics'), question: z.number() });
const answerShape = questionShape.extend({ snapshot: snapshotShape });

/** The number of the question, if the message is one. */
export function metricsQuestion(message: unknown): number | undefined {
  return questionShape.safeParse(message).data?.question;
}

export function metricsAnswer(question: number, snapshot: Snapshot): object {
  return { evt: 'sallyport:metrics', question, snapshot } satisfies z.input<typeof answerShape>;
}

/** Figures of several workers, served by the process that supervises them. */
export interface SupervisorMetrics {
  /** A worker that serves. `send` is how it is asked; tell what it says and that it has ended. */
  follow(send: (message: object) => void): { heard(message: unknown): void; ended(): void };
  close(): Promise<void>;
}

/** Listens at `metrics.listen`; undefined when it is not set. Throws CodedError `address_in_use` naming the key. */
export async function openSupervisorMetrics(
  { config }: LoadedConfig,
  version: string,
  { log, clock }: { readonly log: Log; readonly clock: Clock },
): Promise<SupervisorMetrics | undefined> {
  const registry = createRegistry();
  const workers = createWorkerFigures(registry, clock);
  const page = openMetricsPage(config, async () => {
    const counted = await workers.collect();
    return merged([await registry.snapshot(), counted]);
  });
  if (!page) return undefined;
  log.info(`metrics: ${await page.listen()}`);
  const stopFigures = startProcessFigures(registry, version, clock);
  return {
    follow(send) {
      const worker = workers.follow((question) => send({ evt: 'sallyport:metrics', question }));
      return {
        heard(message) {
          const { data } = answerShape.safeParse(message);
          if (data) worker.answered(data.question, data.snapshot);
        },
        ended: worker.ended,
      };
    },
    async close() {
      stopFigures();
      await page.close();
    },
  };
}
