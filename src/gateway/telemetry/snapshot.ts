import { z } from 'zod';
import { type Metric, metrics } from './metrics.ts';

/** A histogram's state: how many values fell into each bucket (not cumulative; the last has no bound), and their sum. */
export interface Distribution {
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Values by metric name, then by labels as they are written: `model="a",kind="output"`. Plain data: it travels between processes. */
export type Snapshot = Readonly<Record<string, Readonly<Record<string, number | Distribution>>>>;

const distribution = z.object({ counts: z.array(z.number()), sum: z.number() });

export const snapshotShape: z.ZodType<Snapshot> = z.record(
  z.string(),
  z.record(z.string(), z.union([z.number(), distribution])),
);

const byName = new Map<string, Metric>(Object.values(metrics).map((metric) => [metric.name, metric]));

/** Several processes' figures as those of one. */
export function merged(snapshots: readonly Snapshot[]): Snapshot {
  const all: Record<string, Record<string, number | Distribution>> = {};
  for (const snapshot of snapshots) {
    for (const [name, series] of Object.entries(snapshot)) {
      const together = all[name] ?? {};
      all[name] = together;
      const add = byName.get(name)?.acrossWorkers === 'largest' ? larger : sum;
      for (const [labels, value] of Object.entries(series)) {
        const known = together[labels];
        together[labels] = known === undefined ? value : add(known, value);
      }
    }
  }
  return all;
}

/** What a process that has ended leaves behind: everything that only grows. */
export function lasting(snapshot: Snapshot): Snapshot {
  return Object.fromEntries(Object.entries(snapshot).filter(([name]) => byName.get(name)?.kind !== 'gauge'));
}

function sum(a: number | Distribution, b: number | Distribution): number | Distribution {
  if (typeof a === 'number' || typeof b === 'number') return Number(a) + Number(b);
  return { counts: a.counts.map((count, i) => count + (b.counts[i] ?? 0)), sum: a.sum + b.sum };
}

function larger(a: number | Distribution, b: number | Distribution): number {
  return Math.max(Number(a), Number(b));
}
