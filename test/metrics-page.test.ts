import { expect, it } from 'vitest';
import { metricsPage, questions } from '../scripts/generate/metrics.ts';
import { type Metric, metrics } from '../src/gateway/telemetry/metrics.ts';

const all: readonly Metric[] = Object.values(metrics);

it('docs/metrics.md has a row for every metric', () => {
  const named = [...metricsPage().matchAll(/^\| `(\w+)` \| (?:counter|gauge|histogram) \|/gm)];
  expect(named.map(([, name]) => name)).toEqual(all.map(({ name }) => name));
});

it.each(questions)('%s: asks for metrics and labels that there are', (_question, expression) => {
  const names = expression.match(/sallyport_\w+/g) ?? [];
  const asked = names.map((name) =>
    all.find((metric) => metric.name === name || (metric.buckets && `${metric.name}_bucket` === name)),
  );
  expect(asked.length).toBeGreaterThan(0);
  expect(asked).not.toContain(undefined);
  const labels = new Set(['le', ...asked.flatMap((metric) => metric?.labels ?? [])]);
  const used = [...expression.matchAll(/(\w+)!?="|by \(([^)]*)\)/g)].flatMap(([, matched, grouped = '']) =>
    matched === undefined ? grouped.split(', ') : [matched],
  );
  expect(used.filter((label) => !labels.has(label))).toEqual([]);
});
