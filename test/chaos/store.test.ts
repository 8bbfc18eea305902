import { afterAll, beforeAll, expect, it } from 'vitest';
import { openWorld, SOUND, type World } from '../support/chaos-world.ts';
import { ask } from '../support/device-flow.ts';
import { describeWithPostgres, startPrivatePostgres } from '../support/postgres.ts';
import type { Cluster } from '../support/postgres-cluster.ts';
import { startTcpRelay, type TcpRelay } from '../support/tcp-relay.ts';

const AT_ONCE = 10;

interface Trouble {
  readonly store: string;
  strike(): Promise<void> | void;
  mend(): Promise<void> | void;
}

let cluster: Cluster;
let network: TcpRelay;
let world: World;

const passes = () => {
  network.mood = { kind: 'pass' };
};

const troubles: readonly Trouble[] = [
  { store: 'is stopped', strike: () => cluster.stop(), mend: () => cluster.start() },
  { store: 'crashes', strike: () => cluster.stop('immediate'), mend: () => cluster.start() },
  { store: 'is paused', strike: () => cluster.pause(), mend: () => cluster.resume() },
  {
    store: 'is paused, and crashes then',
    async strike() {
      cluster.pause();
      await expectRefused();
      cluster.resume();
      await cluster.stop('immediate');
    },
    mend: () => cluster.start(),
  },
  { store: 'refuses connections', strike: () => network.down(), mend: () => network.up() },
  {
    store: 'takes everything and says nothing',
    strike() {
      network.mood = { kind: 'hold' };
    },
    mend: passes,
  },
  ...[0, 1, 10, 60, 200, 400, 800].map((afterBytes) => ({
    store: `resets each connection after ${afterBytes} bytes of its answers`,
    strike: async () => {
      await network.down();
      // Before the first connection gets through, which would work on.
      network.mood = { kind: 'cut', direction: 'down', afterBytes } as const;
      await network.up();
    },
    mend: passes,
  })),
];

/** A sign-in is refused in time, with a sentence. */
async function expectRefused(): Promise<void> {
  const answer = await ask(`${world.gateway.url}/oauth/device_authorization`, { form: {} });
  expect(answer.status).toBe(503);
  expect(answer.json).toMatchObject({ error: 'temporarily_unavailable' });
}

describeWithPostgres('a gateway whose store fails', () => {
  beforeAll(async () => {
    cluster = await startPrivatePostgres();
    network = await startTcpRelay(cluster.port);
    const url = new URL(cluster.url());
    url.port = String(network.port);
    world = await openWorld({ store: { postgres_url: url.href }, storePort: network.port });
  });

  afterAll(async () => {
    await world?.close();
    await network?.close();
    await cluster?.remove();
  });

  it.each(troubles)(
    'when it $store: inference, models and refresh go on, sign-in is 503; afterwards all is as before',
    async ({ strike, mend }) => {
      await strike();
      try {
        // Sign-ins of several people at once, so that every connection of the pool is hit.
        const signIns = Promise.all(Array.from({ length: AT_ONCE }, expectRefused));
        const answers = Array.from({ length: AT_ONCE }, () => world.infer({ isStreamed: true }));
        for (const answer of await Promise.all(answers))
          expect(answer).toMatchObject({ status: 200, text: SOUND.join(''), isComplete: true });
        const models = await ask(`${world.gateway.url}/v1/models`, { bearer: world.accessToken });
        expect(models.status).toBe(200);
        expect(await world.refresh()).toBe(200);
        await signIns;
        expect((await ask(`${world.gateway.url}/readyz`)).status).toBe(503);
        expect((await ask(`${world.gateway.url}/healthz`)).status).toBe(200);
      } finally {
        await mend();
      }
      await world.expectSteady();
    },
  );

  it('a revocation made meanwhile holds at once and is written afterwards', async () => {
    const leaving = await world.flow.signIn('practice-pat');
    await cluster.stop();
    expect((await world.flow.revoke(leaving.refresh_token)).status).toBe(503);
    const models = () => ask(`${world.gateway.url}/v1/models`, { bearer: leaving.access_token });
    expect((await models()).status).toBe(401);
    await cluster.start();
    await world.expectSteady();
    expect((await models()).status).toBe(401);
    expect((await world.flow.refresh(leaving.refresh_token)).status).toBe(401);
  });

  it('many short outages in a row are survived, and each is said once', async () => {
    const said = (pattern: RegExp) => world.gateway.lines.filter((line) => pattern.test(line)).length;
    const before = said(/store is not answering/);
    for (let i = 0; i < 4; i += 1) {
      await network.down();
      await Promise.all(Array.from({ length: AT_ONCE }, expectRefused));
      await network.up();
      await world.expectSteady();
    }
    expect(said(/store is not answering/) - before).toBe(4);
    await expect.poll(() => said(/store is answering again/)).toBe(said(/store is not answering/));
  });
});
