import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Deployment, startDeployment } from '../support/deployment.ts';
import { ask, createDeviceFlow } from '../support/device-flow.ts';
import { readMetrics } from '../support/metrics-page.ts';
import { createTestDatabase, describeWithPostgres, type TestDatabase } from '../support/postgres.ts';

const WORKERS = 3;
const REQUESTS = 'sallyport_inference_requests_total';
const prompt = JSON.stringify({ model: 'claude-sonnet-4-5', max_tokens: 9, messages: [] });

describeWithPostgres('the figures of three workers', () => {
  let database: TestDatabase;
  let deployment: Deployment;
  let accessToken: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    deployment = await startDeployment({
      store: { postgres_url: database.url },
      args: ['--workers', String(WORKERS)],
      config: { metrics: { listen: '127.0.0.1:0' } },
    });
    const [{ url }] = deployment.gateways;
    ({ access_token: accessToken } = await createDeviceFlow({ url }).signIn());
  });

  afterAll(async () => {
    await deployment?.close();
    await database?.drop();
  });

  const page = () => readMetrics(deployment.gateways[0]);

  /** Waits until so many workers serve. */
  async function serving(count: number): Promise<void> {
    const workers = async () => (await page()).value('sallyport_workers');
    await expect.poll(workers, { timeout: 30_000, interval: 100 }).toBe(count);
  }

  /** Sends that many requests, each on a connection of its own, and waits until all are written down. */
  async function send(count: number): Promise<void> {
    const [gateway] = deployment.gateways;
    const headers = { connection: 'close', 'content-type': 'application/json' };
    const ids = new Set<unknown>();
    for (let i = 0; i < count; i += 1) {
      const answer = await ask(`${gateway.url}/v1/messages`, { bearer: accessToken, body: prompt, headers });
      expect(answer.status).toBe(200);
      ids.add(answer.headers.get('request-id'));
    }
    await Promise.all(
      [...ids].map((id) => gateway.event('inference', (event) => event['request_id'] === id)),
    );
  }

  it('are served as one, by the process that supervises them', async () => {
    await serving(WORKERS);
    await send(12);
    const [gateway] = deployment.gateways;
    const byWorker = new Set(gateway.events('inference').map(({ worker }) => worker));
    expect(byWorker.size).toBe(WORKERS);
    const read = await page();
    expect(read.value(REQUESTS, { status: '200', outcome: 'complete', upstream: 'anthropic' })).toBe(12);
    expect(read.value('sallyport_tokens_total', { kind: 'output' })).toBe(36);
    expect(read.value('sallyport_inference_duration_seconds_count')).toBe(12);
    expect(read.value('sallyport_audit_events_total', { event: 'config.load' })).toBe(WORKERS);
    expect(read.value('sallyport_audit_events_total', { event: 'session.mint', result: 'ok' })).toBe(1);
    expect(read.value('sallyport_build_info')).toBe(1);
    expect(read.value('sallyport_workers_silent_total')).toBe(0);
    expect(gateway.lines.filter((line) => line.includes(' metrics: http'))).toHaveLength(1);
  });

  it('stand still for a worker that hangs, and go on when it does', async () => {
    const before = await page();
    const [pid = 0] = workerPids(deployment.gateways[0].pid);
    process.kill(pid, 'SIGSTOP');
    try {
      const during = await page();
      expect(during.value(REQUESTS)).toBe(before.value(REQUESTS));
      expect(during.value('sallyport_workers_silent_total')).toBe(1);
      expect(during.value('sallyport_process_resident_memory_bytes')).toBeGreaterThan(0);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await send(6);
    expect((await page()).value(REQUESTS)).toBe(before.value(REQUESTS) + 6);
  });

  it('do not go backwards when a worker is killed, and go on with its successor', async () => {
    const before = await page();
    const [pid = 0] = workerPids(deployment.gateways[0].pid);
    process.kill(pid, 'SIGKILL');
    await deployment.gateways[0].line(/worker \d+ \(pid \d+\) ended unexpectedly/);
    const without = await page();
    expect(without.value('sallyport_workers_ended_total')).toBe(1);
    for (const { name, kind, samples } of before.families) {
      if (kind === 'gauge') continue;
      for (const { name: sample, labels, value } of samples)
        expect([name, labels, without.value(sample, labels) >= value]).toEqual([name, labels, true]);
    }
    expect(without.value(REQUESTS)).toBe(before.value(REQUESTS));
    await serving(WORKERS);
    await send(9);
    const after = await page();
    expect(after.value(REQUESTS)).toBe(before.value(REQUESTS) + 9);
    expect(after.value(REQUESTS)).toBe(deployment.gateways[0].events('inference').length);
  });

  it('are served until the last stream has ended', async () => {
    const finish = Promise.withResolvers<void>();
    deployment.upstream.answer = async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': a beginning\n\n');
      await finish.promise;
      response.end();
    };
    const [gateway] = deployment.gateways;
    const asked = deployment.upstream.requests.length;
    const open = fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
      body: prompt.replace('{', '{"stream":true,'),
    });
    await deployment.upstream.request(asked);
    const code = gateway.stop('SIGTERM');
    await gateway.line(/stopping: 1 client request is open/);
    expect((await page()).value('sallyport_open_requests')).toBe(1);
    finish.resolve();
    await (await open).text().catch(() => undefined);
    expect(await code).toBe(0);
  });

  it('are refused an address that is taken, before a worker is started', async () => {
    const taken = createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const [config] = deployment.configs;
    const started = deployment.start({ ...config, metrics: { listen: `127.0.0.1:${port}` } });
    await expect(started).rejects.toThrow(
      new RegExp(`metrics\\.listen: 127\\.0\\.0\\.1:${port} is in use by another process`),
    );
    taken.close();
  });
});

/** Children of a process, by the kernel's own list. */
function workerPids(parent: number): number[] {
  return readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(/\s+/).map(Number);
}
