import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OTLP_PATHS, OTLP_SIGNALS, type OtlpSignal } from '../../src/kernel/protocol.ts';
import { type Collector, refuse, startCollector, take } from '../support/collector.ts';
import { type Deployment, SECRETS, startDeployment } from '../support/deployment.ts';
import { createDeviceFlow } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';
import { readMetrics } from '../support/metrics-page.ts';
import {
  everyForm,
  exportRequest,
  MEDIA_TYPES,
  type OtlpFormat,
  readExportResponse,
} from '../support/otlp-payloads.ts';

const COLLECTOR_KEY = 'the key of the collector';

let folder: string;
let metricsOnly: Collector;
let all: Collector;
let deployment: Deployment;
let gateway: GatewayProcess;
let accessToken: string;

beforeAll(async () => {
  folder = await newEmbeddedFolder();
  metricsOnly = await startCollector();
  all = await startCollector();
  deployment = await startDeployment({
    store: { embedded: join(folder, 'store') },
    config: {
      metrics: { listen: '127.0.0.1:0' },
      limits: { max_telemetry_bytes: 100_000 },
      telemetry: {
        forward_to: [
          { url: `${metricsOnly.url}/ingest/`, headers: { 'x-api-key': COLLECTOR_KEY } },
          { url: all.url, logs: true, traces: true },
        ],
      },
    },
  });
  [gateway] = deployment.gateways;
  ({ access_token: accessToken } = await createDeviceFlow(gateway).signIn());
});

afterAll(async () => {
  await deployment?.close();
  await Promise.all([metricsOnly.close(), all.close()]);
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  metricsOnly.answer = take;
  all.answer = take;
});

function post(
  signal: OtlpSignal,
  bytes: Buffer,
  format: OtlpFormat = 'protobuf',
  headers: Readonly<Record<string, string>> = { authorization: `Bearer ${accessToken}` },
  at: GatewayProcess = gateway,
): Promise<Response> {
  return fetch(at.url + OTLP_PATHS[signal], {
    method: 'POST',
    headers: { 'content-type': MEDIA_TYPES[format], ...headers },
    body: new Uint8Array(bytes),
  });
}

describe('a real gateway', () => {
  it.each(everyForm)(
    'hands %s in %s on to whoever takes them, and answers at once',
    async (signal, format) => {
      const [seenByOne, seenByAll] = [metricsOnly.taken.length, all.taken.length];
      const bytes = exportRequest(signal, format);
      const answer = await post(signal, bytes, format);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe(MEDIA_TYPES[format]);
      expect(readExportResponse(signal, format, await answer.bytes())).toEqual({});
      await all.hasTaken(seenByAll + 1);
      const last = all.taken.at(-1);
      expect(last?.path).toBe(OTLP_PATHS[signal]);
      expect(last?.body.equals(bytes)).toBe(true);
      if (signal !== 'metrics') return expect(metricsOnly.taken.length).toBe(seenByOne);
      await metricsOnly.hasTaken(seenByOne + 1);
      const own = metricsOnly.taken.at(-1);
      expect(own?.path).toBe('/ingest/v1/metrics');
      expect(own?.headers).toMatchObject({ 'x-api-key': COLLECTOR_KEY, 'content-type': MEDIA_TYPES[format] });
      expect(own?.body.equals(bytes)).toBe(true);
    },
  );

  it('lets no credential of the developer out', () => {
    const heads = [...metricsOnly.asked, ...all.asked].map(({ headers }) => headers);
    expect(heads.length).toBeGreaterThan(0);
    expectNoLeaks([JSON.stringify(heads)], [accessToken]);
    expect(heads.filter(({ authorization, cookie }) => authorization ?? cookie)).toEqual([]);
  });

  it('passes compressed bodies on as they are', async () => {
    const before = all.taken.length;
    const bytes = gzipSync(exportRequest('logs', 'protobuf'));
    const headers = { authorization: `Bearer ${accessToken}`, 'content-encoding': 'gzip' };
    expect((await post('logs', bytes, 'protobuf', headers)).status).toBe(200);
    await all.hasTaken(before + 1);
    expect(all.taken.at(-1)?.headers['content-encoding']).toBe('gzip');
    expect(all.taken.at(-1)?.body.equals(bytes)).toBe(true);
  });

  it('answers 200 while a destination is down, and delivers when it is back', async () => {
    const before = all.taken.length;
    const [seenByOne, asked] = [metricsOnly.taken.length, all.asked.length];
    all.answer = refuse(503);
    const bytes = exportRequest('metrics', 'protobuf', 'while it is down');
    expect((await post('metrics', bytes)).status).toBe(200);
    await metricsOnly.hasTaken(seenByOne + 1);
    await all.hasBeenAsked(asked + 1);
    all.answer = take;
    await all.hasTaken(before + 1);
    expect(all.taken.at(-1)?.body.equals(bytes)).toBe(true);
    expect(await gateway.line(/telemetry to .*not taken/)).toMatch(/\(HTTP 503\)$/);
  });

  it.each(OTLP_SIGNALS)('takes %s of signed-in developers only, by their bearer token', async (signal) => {
    const asked = all.asked.length;
    const bytes = exportRequest(signal, 'protobuf');
    expect((await post(signal, bytes, 'protobuf', {})).status).toBe(401);
    expect((await post(signal, bytes, 'protobuf', { authorization: 'Bearer nobody' })).status).toBe(401);
    expect((await post(signal, bytes, 'protobuf', { 'x-api-key': accessToken })).status).toBe(401);
    expect(all.asked.length).toBe(asked);
  });

  it('refuses what is larger than limits.max_telemetry_bytes, and what is no POST', async () => {
    expect((await post('metrics', Buffer.alloc(100_001))).status).toBe(413);
    const got = await fetch(gateway.url + OTLP_PATHS.metrics);
    expect(got.status).toBe(405);
  });

  it('counts what became of it', async () => {
    const page = () => readMetrics(gateway);
    const host = new URL(all.url).host;
    const forwarded = 'sallyport_telemetry_forwarded_total';
    await expect
      .poll(async () => (await page()).value(forwarded, { destination: host, result: 'delivered' }))
      .toBe(all.taken.length);
    const read = await page();
    expect(read.value(forwarded, { result: 'dropped' })).toBe(0);
    expect(read.value('sallyport_telemetry_failures_total', { destination: host, signal: 'metrics' })).toBe(
      1,
    );
    expect(read.value('sallyport_telemetry_queued_bytes')).toBe(0);
    expect(read.value('sallyport_http_requests_total', { route: '/v1/metrics', status: '401' })).toBe(3);
  });

  it('says at boot where telemetry goes', () => {
    expect(gateway.lines).toContainEqual(
      expect.stringContaining(
        `telemetry: ${new URL(metricsOnly.url).host} (metrics), ${new URL(all.url).host} (metrics, logs, traces)`,
      ),
    );
  });
});

it('a gateway without a destination takes telemetry and drops it', async () => {
  const [config] = deployment.configs;
  const plain = await deployment.start({
    ...config,
    listen: { host: '127.0.0.1', port: 0, public_url: deployment.publicUrl },
    store: { embedded: await newEmbeddedFolder(join(folder, 'plain')) },
    telemetry: {},
  });
  const asked = all.asked.length;
  for (const [signal, format] of everyForm) {
    const bearer = { authorization: `Bearer ${accessToken}` };
    const answer = await post(signal, exportRequest(signal, format), format, bearer, plain);
    expect(answer.status).toBe(200);
    expect(readExportResponse(signal, format, await answer.bytes())).toEqual({});
  }
  await plain.stop();
  expect(all.asked.length).toBe(asked);
});

it('what is on the way is delivered before the gateway ends, and nothing of it was written down', async () => {
  const before = all.taken.length;
  const held: (() => void)[] = [];
  all.answer = (response, exported) => void held.push(() => take(response, exported));
  const asked = all.asked.length;
  expect((await post('traces', exportRequest('traces', 'protobuf', 'the last kumquat'))).status).toBe(200);
  await all.hasBeenAsked(asked + 1);
  const stopped = gateway.stop();
  await gateway.line(/info stopping: 1 body of telemetry on the way/);
  for (const answer of held) answer();
  expect(await stopped).toBe(0);
  expect(all.taken.length).toBe(before + 1);
  expect(gateway.lines.filter((line) => line.includes('not delivered'))).toEqual([]);
  expectNoLeaks(gateway.lines, [
    ...Object.values(SECRETS),
    COLLECTOR_KEY,
    accessToken,
    'kumquat',
    'words of the collector',
  ]);
});
