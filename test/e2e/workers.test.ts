import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Deployment, startDeployment } from '../support/deployment.ts';
import { ask, createDeviceFlow } from '../support/device-flow.ts';
import { sallyport, startGatewayProcess } from '../support/gateway-process.ts';
import { createTestDatabase, describeWithPostgres, type TestDatabase } from '../support/postgres.ts';
import { answerEvents, startStream } from '../support/upstream.ts';

const WORKERS = 3;

describeWithPostgres('a gateway of three workers', () => {
  let database: TestDatabase;
  let deployment: Deployment;
  let flow: ReturnType<typeof createDeviceFlow>;
  let url: string;
  let accessToken: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    deployment = await startDeployment({
      store: { postgres_url: database.url },
      args: ['--workers', String(WORKERS)],
      config: { shutdown: { grace_seconds: 30 } },
    });
    [{ url }] = deployment.gateways;
    flow = createDeviceFlow({ url });
    ({ access_token: accessToken } = await flow.signIn());
  });

  afterAll(async () => {
    await deployment?.close();
    await database?.drop();
  });

  /** The lines with which workers say that they listen, once there are that many. */
  async function listening(count: number): Promise<readonly string[]> {
    const lines = () => deployment.gateways[0].lines.filter((line) => /listening on/.test(line));
    await expect.poll(() => lines().length, { timeout: 30_000, interval: 50 }).toBeGreaterThanOrEqual(count);
    return lines();
  }

  /** A streamed answer on a connection of its own, after its first event. */
  async function openStream(): Promise<IncomingMessage> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = httpRequest(
        `${url}/v1/messages`,
        {
          method: 'POST',
          agent: false,
          headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
        },
        resolve,
      );
      sent.on('error', reject);
      sent.end(JSON.stringify({ model: 'claude-sonnet-4-5', max_tokens: 9, stream: true, messages: [] }));
    });
    await once(answer, 'data');
    return answer;
  }

  it('say once what concerns all, and each that it listens', async () => {
    const { lines } = deployment.gateways[0];
    await listening(WORKERS);
    expect(lines.filter((line) => line.includes('private network'))).toHaveLength(1);
    expect(lines.filter((line) => line.includes(' issuer: '))).toHaveLength(1);
  });

  it('share the work, and each counts its own audit lines without a gap', async () => {
    for (let i = 0; i < 30; i += 1) {
      const answer = await ask(`${url}/v1/models`, { bearer: 'nobody', headers: { connection: 'close' } });
      expect(answer.status).toBe(401);
    }
    await expect
      .poll(() => deployment.gateways[0].events('auth.denied').length, { timeout: 5_000 })
      .toBeGreaterThanOrEqual(30);
    const byWorker = new Map<unknown, unknown[]>();
    for (const { worker, seq } of deployment.gateways[0].events()) {
      byWorker.set(worker, [...(byWorker.get(worker) ?? []), seq]);
    }
    expect(byWorker.size).toBe(WORKERS);
    for (const seqs of byWorker.values()) expect(seqs).toEqual(seqs.map((_, i) => i + 1));
  });

  it('refuse on every worker what was signed out on one', async () => {
    const session = await flow.signIn();
    expect((await flow.revoke(session.refresh_token)).status).toBe(200);
    const statuses = async () => {
      const answers = Array.from({ length: WORKERS * 3 }, () =>
        ask(`${url}/v1/models`, { bearer: session.access_token, headers: { connection: 'close' } }),
      );
      return new Set((await Promise.all(answers)).map(({ status }) => status));
    };
    await expect.poll(statuses, { timeout: 5_000, interval: 200 }).toEqual(new Set([401]));
  });

  it('lose only the streams of the one that is killed, which is replaced', async () => {
    const open = new Set<() => void>();
    deployment.upstream.answer = async (_request, response) => {
      startStream(response);
      const [first, ...others] = answerEvents(['x']);
      response.write(first);
      await new Promise<void>((resolve) => open.add(resolve));
      response.end(others.join(''));
    };
    const streams = await Promise.all(Array.from({ length: WORKERS * 3 }, openStream));
    const ends = streams.map(
      (stream) =>
        new Promise<boolean>((resolve) => {
          stream.on('error', () => undefined);
          stream.resume();
          stream.once('close', () => resolve(stream.complete));
        }),
    );
    const before = (await listening(WORKERS)).length;
    process.kill(workerPids(deployment.gateways[0].pid)[0] ?? 0, 'SIGKILL');
    expect(await deployment.gateways[0].line(/worker \d+ \(pid \d+\) ended unexpectedly/)).toContain(
      'SIGKILL',
    );
    await listening(before + 1);
    for (const end of open) end();
    const complete = await Promise.all(ends);
    const lost = complete.filter((isComplete) => !isComplete).length;
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThan(streams.length);
    expect((await ask(`${url}/v1/models`, { bearer: accessToken })).status).toBe(200);
  });

  it('end together on SIGTERM, after the streams under way, with exit code 0', async () => {
    let finish: () => void = () => undefined;
    deployment.upstream.answer = async (_request, response) => {
      startStream(response);
      const [first, ...others] = answerEvents(['x']);
      response.write(first);
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      response.end(others.join(''));
    };
    const stream = await openStream();
    stream.resume();
    const ended = new Promise<boolean>((resolve) => stream.once('close', () => resolve(stream.complete)));
    const [gateway] = deployment.gateways;
    const code = gateway.stop('SIGTERM');
    await gateway.line(/stopping: 1 client request is open/);
    finish();
    expect(await ended).toBe(true);
    expect(await code).toBe(0);
    expect(gateway.events('gateway.stop')).toHaveLength(WORKERS);
  });
});

it('several workers are refused where only one process can hold the store', async () => {
  const config = {
    listen: { host: '127.0.0.1' },
    oidc: { issuer: 'https://login.example.com', client_id: 'x', client_secret: 'y' },
    session: { jwt_secret: 'a signing secret of the tests, long enough' },
    store: { embedded: '/nowhere/at/all' },
    upstreams: [{ provider: 'anthropic', auth: { api_key: 'sk-ant-api03-key-of-the-tests' } }],
  };
  const started = startGatewayProcess({ config: JSON.stringify(config), args: ['--workers', '2'] });
  await expect(started).rejects.toThrow(/store\.embedded.*store\.postgres_url/s);
  expect((await sallyport(['gateway', '--dev', '--workers', '2'])).code).toBe(2);
  expect((await sallyport(['gateway', '--config', 'x', '--workers', 'many'])).stderr).toMatch(
    /--workers takes auto/,
  );
});

/** Children of a process, by the kernel's own list. */
function workerPids(parent: number): number[] {
  return readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(/\s+/).map(Number);
}
