import { type Metric, metrics } from './metrics.ts';
import type { Distribution, Snapshot } from './snapshot.ts';

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** The text format of Prometheus, version 0.0.4, in the order of the table. */
export function exposition(snapshot: Snapshot): string {
  return Object.values(metrics)
    .map((metric) => family(metric, snapshot[metric.name] ?? {}))
    .join('');
}

function family({ name, kind, help, buckets = [] }: Metric, series: Snapshot[string]): string {
  const samples = Object.entries(series).flatMap(([labels, value]) =>
    typeof value === 'number' ? [sample(name, labels, value)] : histogram(name, labels, value, buckets),
  );
  if (samples.length === 0) return '';
  const words = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return [`# HELP ${name} ${words}`, `# TYPE ${name} ${kind}`, ...samples, ''].join('\n');
}

/** Buckets are cumulative on the wire. */
function histogram(
  name: string,
  labels: string,
  { counts, sum }: Distribution,
  buckets: readonly number[],
): string[] {
  let total = 0;
  const before = labels === '' ? '' : `${labels},`;
  const lines = counts.map((count, i) => {
    total += count;
    return sample(`${name}_bucket`, `${before}le="${buckets[i] ?? '+Inf'}"`, total);
  });
  return [...lines, sample(`${name}_sum`, labels, sum), sample(`${name}_count`, labels, total)];
}

function sample(name: string, labels: string, value: number): string {
  return `${name}${labels === '' ? '' : `{${labels}}`} ${value}`;
}
