import { afterEach, describe, expect, it } from 'vitest';
import { createHealth, type HealthOptions } from '../../../src/gateway/http/health.ts';
import { route, startListener } from '../../support/listener.ts';
import { createManualClock } from '../../support/manual-clock.ts';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function start(options: Partial<HealthOptions> = {}) {
  const health = createHealth({
    ping: async () => undefined,
    isDraining: () => false,
    readinessGraceSeconds: 0,
    clock: createManualClock(),
    ...options,
  });
  const listener = await startListener([
    route(health.live, { path: '/healthz' }),
    route(health.ready, { path: '/readyz' }),
    route(health.hello, { path: '/api/hello', method: 'HEAD' }),
  ]);
  closing.push(listener.close);
  const ask = async (path: string, method = 'GET') => {
    const response = await fetch(`${listener.url}${path}`, { method });
    const text = await response.text();
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    return { status: response.status, body, retryAfter: response.headers.get('retry-after') };
  };
  return { ask, listener };
}

const gone = async () => Promise.reject(new Error('no store'));

describe('/healthz', () => {
  it('is well while the process can answer, store or not, draining or not', async () => {
    const { ask } = await start({ ping: gone, isDraining: () => true });
    expect(await ask('/healthz')).toEqual({ status: 200, body: { status: 'ok' }, retryAfter: null });
    expect((await ask('/healthz', 'HEAD')).status).toBe(200);
  });
});

describe('/api/hello', () => {
  it('warms a connection up with nothing', async () => {
    const { ask } = await start();
    expect(await ask('/api/hello', 'HEAD')).toEqual({ status: 200, body: undefined, retryAfter: null });
  });
});

describe('/readyz', () => {
  it('is well when the store answers', async () => {
    const { ask } = await start();
    expect(await ask('/readyz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  it('says so when the store fails', async () => {
    const { ask } = await start({ ping: gone });
    expect(await ask('/readyz')).toEqual({
      status: 503,
      body: { status: 'store not answering' },
      retryAfter: '5',
    });
  });

  it('gives a store a second, also one whose ping does not hear of it', async () => {
    const hearing = (signal: AbortSignal) =>
      new Promise<void>((_, reject) => signal.addEventListener('abort', reject, { once: true }));
    const pings = [hearing, () => new Promise<void>(() => undefined)];
    const listeners = await Promise.all(pings.map((ping) => start({ ping })));
    const answers = await Promise.all(listeners.map(({ ask }) => ask('/readyz')));
    expect(answers.map(({ status }) => status)).toEqual([503, 503]);
  });

  it('is not well while draining, however well the store is', async () => {
    let pings = 0;
    const { ask } = await start({
      isDraining: () => true,
      ping: async () => {
        pings += 1;
      },
    });
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      body: { status: 'draining' },
      retryAfter: '5',
    });
    expect(pings).toBe(0);
  });

  it('stays well for the grace after the store was last seen', async () => {
    const clock = createManualClock();
    let ping: () => Promise<void> = gone;
    const { ask } = await start({ ping: () => ping(), readinessGraceSeconds: 30, clock });
    expect((await ask('/readyz')).status).toBe(503);
    ping = async () => undefined;
    expect((await ask('/readyz')).status).toBe(200);
    ping = gone;
    clock.advance(29_999);
    expect(await ask('/readyz')).toMatchObject({
      status: 200,
      body: { status: 'ok', store: 'not answering, within store.readiness_grace_seconds' },
    });
    clock.advance(1);
    expect((await ask('/readyz')).status).toBe(503);
  });

  it('asks the store once for probes that come together, and again for later ones', async () => {
    let pings = 0;
    const answer = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    const { ask, listener } = await start({
      ping: () => {
        pings += 1;
        return answer.promise;
      },
    });
    const probes = [ask('/readyz'), ask('/readyz'), ask('/readyz')];
    // The third probe has come when three answers are open.
    const poll = () => (listener.server.openRequests === 3 ? second.resolve() : void setImmediate(poll));
    poll();
    await second.promise;
    answer.resolve();
    expect((await Promise.all(probes)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(pings).toBe(1);
    await ask('/readyz');
    expect(pings).toBe(2);
  });
});
