import { describe, expect, it } from 'vitest';
import { createClosing } from '../../../src/gateway/doors/closing.ts';
import { forwardedTelemetry, openTelemetryRelay } from '../../../src/gateway/doors/telemetry-relay.ts';
import { createOutbound } from '../../../src/gateway/outbound/outbound.ts';
import type { RelayFigures } from '../../../src/gateway/telemetry/relay-figures.ts';
import { OTLP_PATHS } from '../../../src/kernel/protocol.ts';
import { configOf, fileWith } from '../../config/config-file.ts';
import { startCollector } from '../../support/collector.ts';
import { route, startListener } from '../../support/listener.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';

const env = { CLAUDE_GATEWAY_ALLOW_LOOPBACK: '1' };
const config = (inside: string) => configOf(fileWith({ telemetry: `telemetry: { ${inside} }\n` }), { env });

describe('what clients are told of telemetry', () => {
  it('is nothing while there is no destination', () => {
    expect(forwardedTelemetry(config(''))).toBeUndefined();
    expect(forwardedTelemetry(config('resource_attributes: { team: a }'))).toBeUndefined();
  });

  it('is which signals have a destination, and what they are to carry', () => {
    const two =
      'forward_to: [{ url: https://a.example.com, metrics: false, logs: true }, { url: https://b.example.com }]';
    expect(forwardedTelemetry(config(two))).toEqual({
      signals: { metrics: true, logs: true, traces: false },
      resourceAttributes: {},
    });
    expect(
      forwardedTelemetry(
        config('forward_to: [{ url: https://a.example.com }], resource_attributes: { team: a }'),
      ),
    ).toEqual({
      signals: { metrics: true, logs: false, traces: false },
      resourceAttributes: { team: 'a' },
    });
  });
});

describe('destinations', () => {
  it('are called by their host, and by a number where two have the same', async () => {
    const collector = await startCollector();
    const { host } = new URL(collector.url);
    const urls = [`http://${host}/one`, `http://${host}/two/`].map((url) => `{ url: "${url}" }`).join(', ');
    const log = createMemoryLog();
    const closing = createClosing();
    const proxies = { httpsProxy: undefined, httpProxy: undefined, noProxy: undefined };
    const outbound = createOutbound(
      { allowLoopback: true, allowedOrigins: [], proxyIsEgressBoundary: false, proxies },
      { log },
    );
    closing.add(() => outbound.close());
    const delivered: string[] = [];
    const figures: RelayFigures = {
      ended: (name, signal, result) => void delivered.push(`${name} ${signal} ${result}`),
      failed: () => undefined,
      queued: () => undefined,
    };
    const relay = openTelemetryRelay(config(`forward_to: [${urls}]`), {
      ...{ outbound, closing, figures, log },
      maxBufferedBytes: 2 ** 30,
      clock: createManualClock(),
    });
    const handle = relay.endpoint('metrics');
    const caller = { sid: 's', sub: 'd', email: undefined, name: undefined, groups: [], expiresAtMs: 1e15 };
    const listener = await startListener([
      route((request, reply) => handle(request, reply, caller), { method: 'POST', path: OTLP_PATHS.metrics }),
    ]);
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(listener.url + OTLP_PATHS.metrics, { method: 'POST', headers, body: '{}' });
    expect(answer.status).toBe(200);
    await relay.drain(60_000, new AbortController().signal);
    expect(delivered.toSorted()).toEqual([`${host} #1 metrics delivered`, `${host} #2 metrics delivered`]);
    expect(collector.taken.map(({ path }) => path).toSorted()).toEqual([
      '/one/v1/metrics',
      '/two/v1/metrics',
    ]);
    await listener.close();
    await closing.close();
    await collector.close();
  });
});
