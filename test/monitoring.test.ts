import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { auditEvents } from '../src/gateway/audit/events.ts';
import { type Metric, metrics } from '../src/gateway/telemetry/metrics.ts';

const read = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../deploy/${path}`, import.meta.url)), 'utf8');

const Alerts = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Sallyport[A-Z]\w+$/),
          expr: z.string(),
          for: z
            .string()
            .regex(/^\d+[smh]$/)
            .optional(),
          labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
          annotations: z.strictObject({ summary: z.string(), description: z.string() }),
        }),
      ),
    }),
  ),
});

const Dashboard = z.object({
  uid: z.string(),
  title: z.string(),
  panels: z.array(
    z.object({
      id: z.number(),
      type: z.enum(['row', 'timeseries', 'stat']),
      title: z.string(),
      gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
      targets: z
        .array(z.object({ refId: z.string(), expr: z.string(), legendFormat: z.string() }))
        .default([]),
    }),
  ),
});

const rules = Alerts.parse(parse(read('prometheus/alerts.yaml'))).groups.flatMap((group) => group.rules);
const { panels } = Dashboard.parse(JSON.parse(read('grafana/sallyport.json')));
const graphs = panels.filter(({ type }) => type !== 'row');

const all: readonly Metric[] = Object.values(metrics);
/** Labels that Prometheus adds by itself. */
const SCRAPED = ['job', 'instance', 'le'];

/** What an expression asks for: metrics with the labels that stand beside them in braces. */
function selectorsIn(expression: string) {
  return [...expression.matchAll(/(sallyport_\w+)(?:\{([^}]*)\})?/g)].map(([, name = '', matchers = '']) => ({
    metric: all.find((metric) => metric.name === (metric.buckets ? name.replace(/_bucket$/, '') : name)),
    name,
    labels: [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)"([^"]*)"/g)].map(([, label = '', value = '']) => ({
      label,
      value,
    })),
  }));
}

function labelsOf(expression: string): string[] {
  return [...SCRAPED, ...selectorsIn(expression).flatMap(({ metric }) => [...(metric?.labels ?? [])])];
}

const expressions = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...graphs.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
];

describe('alerts and dashboard', () => {
  it.each(expressions)('%s: asks for metrics and labels that there are', (_title, expr) => {
    const selectors = selectorsIn(expr);
    expect(selectors.length).toBeGreaterThan(0);
    for (const { metric, name, labels } of selectors) {
      expect(metric, name).toBeDefined();
      // A histogram is no series by its own name.
      expect(name.endsWith('_bucket'), name).toBe(metric?.buckets !== undefined);
      const known = [...SCRAPED, ...(metric?.labels ?? [])];
      expect(labels.map(({ label }) => label).filter((label) => !known.includes(label))).toEqual([]);
      for (const { label, value } of labels)
        if (label === 'event' && !/[[*|]/.test(value)) expect(Object.keys(auditEvents)).toContain(value);
    }
    const grouped = [...expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, names = '']) =>
      names.split(/, */),
    );
    expect(grouped.filter((label) => label !== '' && !labelsOf(expr).includes(label))).toEqual([]);
  });

  it.each(expressions)('%s: has brackets in pairs, and rates of counters only', (_title, expr) => {
    const open: string[] = [];
    for (const [bracket] of expr.replace(/"[^"]*"/g, '').matchAll(/[()[\]{}]/g)) {
      if ('([{'.includes(bracket)) open.push(bracket);
      else expect(`${open.pop()}${bracket}`).toMatch(/^(\(\)|\[\]|\{\})$/);
    }
    expect(open).toEqual([]);
    for (const [, name = ''] of expr.matchAll(/(?:rate|increase)\((\w+)/g))
      expect(selectorsIn(name)[0]?.metric?.kind).toMatch(/counter|histogram/);
  });
});

describe('deploy/prometheus/alerts.yaml', () => {
  it('has one rule for each thing, and one for everything an operator must know', () => {
    const names = rules.map(({ alert }) => alert);
    expect(new Set(names).size).toBe(names.length);
    const asked = new Set(rules.flatMap(({ expr }) => selectorsIn(expr).map(({ name }) => name)));
    for (const { name } of [
      metrics.cooling,
      metrics.storeCircuitOpen,
      metrics.auditLinesLost,
      metrics.clockOff,
      metrics.inferenceRequests,
      metrics.telemetryForwarded,
    ])
      expect(asked).toContain(name);
  });

  it.each(rules)('$alert: tells only of labels that are left over', ({ expr, annotations }) => {
    const told = [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
    const kept = expr.match(/\bby \(([^)]*)\)/)?.[1]?.split(', ');
    expect(told.filter((label) => label !== undefined && !(kept ?? labelsOf(expr)).includes(label))).toEqual(
      [],
    );
  });
});

describe('docs/deploy.md', () => {
  it('says what to do about each alert', () => {
    const page = readFileSync(fileURLToPath(new URL('../docs/deploy.md', import.meta.url)), 'utf8');
    const told = [...page.matchAll(/^\| `(Sallyport\w+)` \|/gm)].map(([, name]) => name);
    expect(told).toEqual(rules.map(({ alert }) => alert));
  });
});

describe('deploy/grafana/sallyport.json', () => {
  it('has a graph of every metric that tells how the gateway is', () => {
    const shown = new Set(
      graphs.flatMap(({ targets }) =>
        targets.flatMap(({ expr }) => selectorsIn(expr).map(({ metric }) => metric?.name)),
      ),
    );
    // Told by others of their kind.
    const left = [metrics.httpRequests, metrics.cpuSeconds, metrics.workers, metrics.workersSilent];
    const missing = all.filter(
      (metric) => !shown.has(metric.name) && !left.some(({ name }) => name === metric.name),
    );
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it('writes beside the lines only labels that the expression keeps', () => {
    for (const { expr, legendFormat } of graphs.flatMap(({ targets }) => targets)) {
      const used = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
      const kept = expr.match(/\bby \(([^)]*)\)/)?.[1]?.split(', ') ?? labelsOf(expr);
      expect(
        used.filter((label) => label !== undefined && !kept.includes(label)),
        expr,
      ).toEqual([]);
    }
  });

  it('has every panel once and in a place of its own', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const places = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)} ${y + Math.floor(index / w)}`),
    );
    expect(new Set(places).size).toBe(places.length);
  });
});
