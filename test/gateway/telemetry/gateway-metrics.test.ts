import { expect, it } from 'vitest';
import type { Answer, Audit, Relayed } from '../../../src/gateway/exchange.ts';
import { exposition } from '../../../src/gateway/telemetry/exposition.ts';
import { createGatewayMetrics, noMetrics } from '../../../src/gateway/telemetry/gateway-metrics.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { parseExposition } from '../../support/exposition.ts';

const answer = (isEventStream: boolean): Answer => ({
  upstreamName: 'first',
  upstreamModel: 'm',
  upstreamRequestId: undefined,
  status: 200,
  headers: {},
  isEventStream,
  sendsPings: false,
  source: { flow() {}, pause() {}, resume() {}, abort() {} },
});

const relayed: Relayed = {
  outcome: 'complete',
  hasSentBody: true,
  firstByteAtMs: 0,
  usage: {
    inputTokens: undefined,
    outputTokens: undefined,
    cacheReadTokens: undefined,
    cacheWriteTokens: undefined,
  },
  fault: undefined,
};

function open() {
  const metrics = createGatewayMetrics({ version: '9.8.7', modelId: (model) => model }, systemClock);
  return { metrics, page: async () => parseExposition(exposition(await metrics.snapshot())) };
}

it('events are recorded as they came, and counted', async () => {
  const { metrics, page } = open();
  const recorded: unknown[] = [];
  const audit = metrics.audit((...event) => void recorded.push(event));
  audit('session.mint', 'req_1', { sub: 's', result: 'ok' });
  metrics.close();
  expect(recorded).toEqual([['session.mint', 'req_1', { sub: 's', result: 'ok' }]]);
  expect((await page()).value('sallyport_audit_events_total', { event: 'session.mint', result: 'ok' })).toBe(
    1,
  );
});

it('streams are open from their relay to its end, good or bad; whole answers are none', async () => {
  const { metrics, page } = open();
  const ends: PromiseWithResolvers<Relayed>[] = [];
  const relay = metrics.relay((_answer: Answer, _mark: string) => {
    const end = Promise.withResolvers<Relayed>();
    ends.push(end);
    return end.promise;
  });
  const streams = async () => (await page()).value('sallyport_open_streams');
  const [first, second, whole] = [
    relay(answer(true), 'a'),
    relay(answer(true), 'b'),
    relay(answer(false), 'c'),
  ];
  expect(await streams()).toBe(2);
  ends[0]?.resolve(relayed);
  ends[1]?.reject(new Error('cut'));
  ends[2]?.resolve(relayed);
  expect(await first).toBe(relayed);
  await expect(second).rejects.toThrow('cut');
  expect(await whole).toBe(relayed);
  expect(await streams()).toBe(0);
  metrics.close();
});

it('the process tells of itself', async () => {
  const { metrics, page } = open();
  metrics.read({ openRequests: () => 3, auditLinesLost: () => 2 });
  metrics.refused?.('no_host');
  metrics.refused?.('no_host');
  metrics.store?.answered(20);
  metrics.store?.failed();
  metrics.store?.circuit(true);
  const before = process.cpuUsage();
  const read = await page();
  metrics.close();
  expect(read.value('sallyport_open_requests')).toBe(3);
  expect(read.value('sallyport_audit_lines_lost_total')).toBe(2);
  expect(read.value('sallyport_http_refused_total', { cause: 'no_host' })).toBe(2);
  expect(read.value('sallyport_store_seconds_bucket', { le: '0.025' })).toBe(1);
  expect(read.value('sallyport_store_failures_total')).toBe(1);
  expect(read.value('sallyport_store_circuit_open')).toBe(1);
  expect(read.value('sallyport_build_info', { version: '9.8.7', node: process.versions.node })).toBe(1);
  expect(read.value('sallyport_process_cpu_seconds_total', { mode: 'user' })).toBeGreaterThanOrEqual(
    before.user / 1e6,
  );
  expect(read.value('sallyport_process_resident_memory_bytes')).toBeGreaterThan(1e6);
  expect(read.value('sallyport_process_heap_used_bytes')).toBeGreaterThan(1e6);
  const startedAt = read.value('sallyport_process_start_time_seconds');
  expect(Math.abs(startedAt + process.uptime() - Date.now() / 1000)).toBeLessThan(60);
});

it.runIf(process.platform === 'linux')(
  'the process counts its descriptors where the system lists them',
  async () => {
    const { metrics, page } = open();
    const read = await page();
    metrics.close();
    expect(read.value('sallyport_process_open_fds')).toBeGreaterThan(2);
  },
);

it('a loop that is held up is late', async () => {
  const { metrics, page } = open();
  const late = async () => {
    const { value } = await page();
    const lag = 'sallyport_event_loop_lag_seconds';
    return value(`${lag}_count`) - value(`${lag}_bucket`, { le: '0.1' });
  };
  const untilMs = performance.now() + 700;
  while (performance.now() < untilMs);
  await expect.poll(late).toBeGreaterThan(0);
  metrics.close();
});

it('without a listener nothing stands between the rooms', async () => {
  const audit: Audit = () => undefined;
  const relay = async () => relayed;
  expect(noMetrics.audit(audit)).toBe(audit);
  expect(noMetrics.relay(relay)).toBe(relay);
  expect(noMetrics.answers([{ path: '/' }])).toBeUndefined();
  expect(noMetrics.refused).toBeUndefined();
  expect(noMetrics.store).toBeUndefined();
  expect(await noMetrics.snapshot()).toEqual({});
});
