import type { Metric } from './metrics.ts';
import type { Distribution, Snapshot } from './snapshot.ts';

/** A counter's or a gauge's value; whoever holds it counts by changing the number. */
export interface Cell {
  value: number;
}

export interface Histogram {
  observe(value: number): void;
}

export type LabelsOf<M extends Metric> = Readonly<Record<M['labels'][number], string>>;

/** One process's figures. */
export interface Registry {
  /** The same cell for the same labels: look it up once where it is used often. */
  cell<M extends Metric & { readonly kind: 'counter' | 'gauge' }>(metric: M, labels: LabelsOf<M>): Cell;
  histogram<M extends Metric & { readonly kind: 'histogram' }>(metric: M, labels: LabelsOf<M>): Histogram;
  /** Called before every snapshot, for what is read rather than counted. */
  beforeSnapshot(read: () => void | Promise<void>): void;
  snapshot(): Promise<Snapshot>;
}

interface KeptHistogram extends Histogram {
  state(): Distribution;
}

/** What there is of each metric, by labels. */
type Families<T> = Map<string, Map<string, T>>;

export function createRegistry(): Registry {
  const cells: Families<Cell> = new Map();
  const histograms: Families<KeptHistogram> = new Map();
  const readers: (() => void | Promise<void>)[] = [];

  return {
    cell: (metric, labels) => seriesIn(cells, metric, labels, () => ({ value: 0 })),
    histogram: (metric, labels) =>
      seriesIn(histograms, metric, labels, () => createHistogram(metric.buckets ?? [])),
    beforeSnapshot: (read) => void readers.push(read),
    async snapshot() {
      await Promise.all(readers.map((read) => read()));
      return { ...states(cells, ({ value }) => value), ...states(histograms, ({ state }) => state()) };
    },
  };
}

function seriesIn<T>(
  families: Families<T>,
  metric: Metric,
  labels: Readonly<Record<string, string>>,
  create: () => T,
): T {
  const family = families.get(metric.name) ?? new Map<string, T>();
  families.set(metric.name, family);
  const text = labelText(metric, labels);
  const series = family.get(text) ?? create();
  family.set(text, series);
  return series;
}

function states<T>(families: Families<T>, state: (series: T) => number | Distribution): Snapshot {
  return Object.fromEntries(
    [...families].map(([name, family]) => [
      name,
      Object.fromEntries([...family].map(([labels, series]) => [labels, state(series)])),
    ]),
  );
}

function createHistogram(buckets: readonly number[]): KeptHistogram {
  const counts = new Array<number>(buckets.length + 1).fill(0);
  let sum = 0;
  return {
    observe(value) {
      let i = 0;
      for (const bound of buckets) {
        if (value <= bound) break;
        i += 1;
      }
      counts[i] = (counts[i] ?? 0) + 1;
      sum += value;
    },
    state: () => ({ counts: [...counts], sum }),
  };
}

/** `a="1",b="2"` in the order of the table, escaped as the text format wants it. */
function labelText({ labels }: Metric, values: Readonly<Record<string, string>>): string {
  return labels.map((name) => `${name}="${escaped(values[name] ?? '')}"`).join(',');
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
