import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exposition } from '../../../src/gateway/telemetry/exposition.ts';
import { type Metric, metrics } from '../../../src/gateway/telemetry/metrics.ts';
import { createRegistry } from '../../../src/gateway/telemetry/registry.ts';
import { lasting, merged, snapshotShape } from '../../../src/gateway/telemetry/snapshot.ts';
import { parseExposition } from '../../support/exposition.ts';
import { few } from '../../support/property-runs.ts';

const all: readonly Metric[] = Object.values(metrics);

describe('the table of metrics', () => {
  it('names each once, by the conventions of Prometheus', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { name, kind, buckets } of all) {
      expect(name).toMatch(/^sallyport_[a-z]+(?:_[a-z]+)*$/);
      expect(name.endsWith('_total')).toBe(kind === 'counter');
      expect(buckets !== undefined).toBe(kind === 'histogram');
      expect([...(buckets ?? [])].toSorted((a, b) => a - b)).toEqual(buckets ?? []);
      if (kind === 'histogram') expect(name).toMatch(/_seconds$/);
    }
  });

  it('has no label that could be a person, a session or an address', () => {
    const labels = new Set(all.flatMap((metric) => metric.labels));
    expect([...labels].toSorted()).toEqual([
      'cause',
      'clock',
      'destination',
      'endpoint',
      'event',
      'kind',
      'mode',
      'model',
      'node',
      'outcome',
      'result',
      'route',
      'signal',
      'status',
      'upstream',
      'version',
    ]);
  });
});

describe('a page', () => {
  it('is the text format, in the order of the table', async () => {
    const registry = createRegistry();
    registry.cell(metrics.openStreams, {}).value = 2;
    registry.cell(metrics.tokens, { model: 'm', upstream: 'u', kind: 'output' }).value += 7;
    const lag = registry.histogram(metrics.eventLoopLag, {});
    for (const seconds of [0.001, 0.002, 0.3, 9]) lag.observe(seconds);
    const text = exposition(await registry.snapshot());
    expect(text.split('\n').slice(0, 6)).toEqual([
      `# HELP sallyport_tokens_total ${metrics.tokens.help}`,
      '# TYPE sallyport_tokens_total counter',
      'sallyport_tokens_total{model="m",upstream="u",kind="output"} 7',
      `# HELP sallyport_open_streams ${metrics.openStreams.help}`,
      '# TYPE sallyport_open_streams gauge',
      'sallyport_open_streams 2',
    ]);
    const page = parseExposition(text);
    expect(page.value('sallyport_event_loop_lag_seconds_bucket', { le: '0.002' })).toBe(2);
    expect(page.value('sallyport_event_loop_lag_seconds_bucket', { le: '0.5' })).toBe(3);
    expect(page.value('sallyport_event_loop_lag_seconds_count')).toBe(4);
    expect(page.value('sallyport_event_loop_lag_seconds_sum')).toBeCloseTo(9.303);
  });

  it('is read back whatever the labels say', () => {
    const text = fc.string({ unit: 'binary' });
    return fc.assert(
      fc.asyncProperty(text, text, fc.nat(), async (model, upstream, value) => {
        const registry = createRegistry();
        registry.cell(metrics.tokens, { model, upstream, kind: 'input' }).value = value;
        const page = parseExposition(exposition(await registry.snapshot()));
        expect(page.families[0]?.samples).toEqual([
          { name: 'sallyport_tokens_total', labels: { model, upstream, kind: 'input' }, value },
        ]);
      }),
      few(2_000),
    );
  });

  it('reads what is not counted when it is made', async () => {
    const registry = createRegistry();
    let open = 1;
    registry.beforeSnapshot(async () => {
      registry.cell(metrics.openRequests, {}).value = open;
    });
    expect((await registry.snapshot())['sallyport_open_requests']).toEqual({ '': 1 });
    open = 5;
    expect((await registry.snapshot())['sallyport_open_requests']).toEqual({ '': 5 });
  });
});

describe('figures of several processes', () => {
  const process = async (n: number) => {
    const registry = createRegistry();
    registry.cell(metrics.failovers, {}).value = n;
    registry.cell(metrics.openStreams, {}).value = n;
    registry.cell(metrics.storeCircuitOpen, {}).value = n % 2;
    registry.cell(metrics.buildInfo, { version: '1', node: '24' }).value = 1;
    registry.histogram(metrics.storeSeconds, {}).observe(n);
    return registry.snapshot();
  };

  it('add up, but what is a state or a fact does not', async () => {
    const text = exposition(merged([await process(1), await process(2)]));
    const page = parseExposition(text);
    expect(page.value('sallyport_failovers_total')).toBe(3);
    expect(page.value('sallyport_open_streams')).toBe(3);
    expect(page.value('sallyport_store_circuit_open')).toBe(1);
    expect(page.value('sallyport_build_info')).toBe(1);
    expect(page.value('sallyport_store_seconds_count')).toBe(2);
    expect(page.value('sallyport_store_seconds_sum')).toBe(3);
    expect(page.value('sallyport_store_seconds_bucket', { le: '1' })).toBe(1);
  });

  it('survive the way between processes, and what is left of one that ended only grows', async () => {
    const snapshot = await process(3);
    expect(snapshotShape.parse(JSON.parse(JSON.stringify(snapshot)))).toEqual(snapshot);
    const kinds = new Set(
      Object.keys(lasting(snapshot)).map((name) => all.find((metric) => metric.name === name)?.kind),
    );
    expect(kinds).toEqual(new Set(['counter', 'histogram']));
  });
});
