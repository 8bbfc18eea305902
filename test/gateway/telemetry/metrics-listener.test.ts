import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createMetricsListener } from '../../../src/gateway/telemetry/metrics-listener.ts';
import type { Snapshot } from '../../../src/gateway/telemetry/snapshot.ts';
import { parseExposition } from '../../support/exposition.ts';
import { answersIn, exchangeRaw } from '../../support/raw-http.ts';

const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const snapshot: Snapshot = { sallyport_failovers_total: { '': 7 } };

async function listen(collect: () => Promise<Snapshot> = async () => snapshot) {
  const listener = createMetricsListener({ host: '127.0.0.1', port: 0 }, collect);
  const { port } = await listener.listen();
  closing.push(listener.close);
  return { listener, port };
}

async function send(port: number, path: string, method = 'GET') {
  const sent = request({ host: '127.0.0.1', port, path, method, agent: false });
  sent.end();
  const [answer]: IncomingMessage[] = await once(sent, 'response');
  if (!answer) throw new Error('no answer');
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return { status: answer.statusCode, headers: answer.headers, text: Buffer.concat(chunks).toString() };
}

describe('the metrics listener', () => {
  it.each(['/metrics', '/metrics?collect[]=x'])('serves the text format at %s', async (path) => {
    const { port } = await listen();
    const { status, headers, text } = await send(port, path);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(headers['cache-control']).toBe('no-store');
    expect(parseExposition(text).value('sallyport_failovers_total')).toBe(7);
  });

  it('answers HEAD with the head of GET', async () => {
    const { port } = await listen();
    const { headers, text } = await send(port, '/metrics');
    const head = await send(port, '/metrics', 'HEAD');
    expect(head.status).toBe(200);
    expect(head.headers['content-length']).toBe(String(Buffer.byteLength(text)));
    expect(head.headers['content-type']).toBe(headers['content-type']);
    expect(head.text).toBe('');
  });

  it.each([
    ['/', 'GET'],
    ['/metrics/', 'GET'],
    ['/METRICS', 'GET'],
    ['//metrics', 'GET'],
    ['/healthz', 'GET'],
    ['/metrics', 'POST'],
    ['/metrics', 'DELETE'],
    ['/metrics', 'OPTIONS'],
  ])('has nothing else: %s %s', async (path, method) => {
    const { port } = await listen();
    const { status, text } = await send(port, path, method);
    expect(status).toBe(404);
    expect(text).toBe('only GET /metrics is served here\n');
  });

  it('lets whoever asks meanwhile have the same page, and asks anew afterwards', async () => {
    let asked = 0;
    const { port } = await listen(async () => {
      asked += 1;
      return snapshot;
    });
    const get = 'GET /metrics HTTP/1.1\r\nHost: m.test\r\n';
    const { text } = await exchangeRaw(port, `${get}\r\n${get}\r\n${get}Connection: close\r\n\r\n`);
    expect(answersIn(text).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(asked).toBe(1);
    await send(port, '/metrics');
    expect(asked).toBe(2);
  });

  it('breaks off when there are no figures, and goes on', async () => {
    let isBroken = true;
    const { port } = await listen(async () => {
      if (isBroken) throw new Error('none');
      return snapshot;
    });
    await expect(send(port, '/metrics')).rejects.toThrow(/socket hang up|ECONNRESET/);
    isBroken = false;
    expect((await send(port, '/metrics')).status).toBe(200);
  });

  it('names its key when its address is taken', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    closing.push(() => other.close());
    const { port } = other.address() as AddressInfo;
    const listener = createMetricsListener({ host: '127.0.0.1', port }, async () => snapshot);
    await expect(listener.listen()).rejects.toMatchObject({
      code: 'address_in_use',
      detail: `metrics.listen: 127.0.0.1:${port} is in use by another process; choose another port or stop it`,
    });
    await listener.close();
  });

  it('names its key when the address is not of this machine', async () => {
    const listener = createMetricsListener({ host: '192.0.2.1', port: 9464 }, async () => snapshot);
    await expect(listener.listen()).rejects.toMatchObject({
      code: 'address_in_use',
      detail: expect.stringMatching(/^metrics\.listen: cannot bind 192\.0\.2\.1:9464 \(EADDRNOTAVAIL\)/),
    });
  });

  it('closes at once, with a scraper connected or never having listened', async () => {
    const begun = Promise.withResolvers<void>();
    const { listener, port } = await listen(() => {
      begun.resolve();
      return new Promise(() => undefined);
    });
    const hanging = expect(send(port, '/metrics')).rejects.toThrow(/socket hang up|ECONNRESET/);
    await begun.promise;
    await listener.close();
    await hanging;
    const fresh = createMetricsListener({ host: '127.0.0.1', port: 0 }, async () => snapshot);
    await expect(fresh.close()).resolves.toBeUndefined();
  });
});
