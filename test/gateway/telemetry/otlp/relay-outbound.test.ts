import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Collector, startCollector } from '../../../support/collector.ts';
import { type ConnectProxy, startConnectProxy } from '../../../support/connect-proxy.ts';
import { createRelayWorld, otlpBody, type RelayWorld, type RelayWorldOptions } from './relay-world.ts';

let collector: Collector;
let proxy: ConnectProxy;
let world: RelayWorld | undefined;

beforeEach(async () => {
  collector = await startCollector();
  proxy = await startConnectProxy(Number(new URL(collector.url).port));
});

afterEach(async () => {
  await world?.close();
  await Promise.all([collector.close(), proxy.close()]);
});

async function sendTo(url: string, options: RelayWorldOptions): Promise<void> {
  world = createRelayWorld([{ url }], options);
  world.relay.take(otlpBody());
  await world.idle();
}

describe('the way to a destination', () => {
  it('leads through the proxy', async () => {
    await sendTo(collector.url, { proxies: { httpProxy: proxy.url } });
    expect(proxy.connects.map(({ authority }) => authority)).toEqual([new URL(collector.url).host]);
    expect(proxy.plainRequests).toEqual([]);
    expect(collector.taken.length).toBe(1);
  });

  it('leads past it where NO_PROXY says so', async () => {
    await sendTo(collector.url, { proxies: { httpProxy: proxy.url, noProxy: '127.0.0.1' } });
    expect(proxy.connects).toEqual([]);
    expect(collector.taken.length).toBe(1);
  });

  it.each([
    ['a loopback name', 'http://localhost:4318', /localhost is a loopback name/],
    ['a loopback address', 'http://127.0.0.1:4318', /127\.0\.0\.1.* is a loopback address/],
    ['a metadata address', 'http://169.254.169.254', /169\.254\.169\.254.* is a cloud metadata address/],
  ])('does not lead to %s, whether or not there is a proxy', async (_what, url, reason) => {
    for (const proxies of [{}, { httpProxy: proxy.url }]) {
      await sendTo(url, { allowLoopback: false, proxies });
      expect(world?.told).toEqual(['receiver-0 metrics failed']);
      expect(world?.log.lines[0]).toMatch(/^warn ECONNREFUSED_SSRF: /);
      expect(world?.log.lines[0]).toMatch(reason);
      await world?.close();
    }
    expect(proxy.connects).toEqual([]);
    expect(collector.asked).toEqual([]);
  });
});

describe('a queue that is full', () => {
  it('drops the oldest first, counts and says it, and delivers the rest', async () => {
    world = createRelayWorld([{ url: collector.url }], { queueBytes: 20 * 1024 });
    collector.answer = (response) => void response.writeHead(503).end();
    for (let i = 0; i < 50; i += 1) {
      world.relay.take(otlpBody('metrics', `number ${i}`));
      await world.idle();
    }
    expect(world.count('receiver-0 metrics dropped')).toBe(30);
    expect(world.queuedBytes('receiver-0')).toBe(20 * 1024);
    collector.answer = (response) => void response.writeHead(200).end();
    await world.pass(70, 1_000);
    const left = collector.taken.map(({ body }) => Number(/number (\d+)/.exec(body.toString('latin1'))?.[1]));
    expect(left.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => 30 + i));
    const lines = world.log.lines.filter((line) => line.includes('telemetry.queue_bytes is full'));
    const counts = lines.map((line) => Number(/(\d+) bod/.exec(line)?.[1]));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(30);
    expect(counts.length).toBeLessThanOrEqual(2);
  });
});
