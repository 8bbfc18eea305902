import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Deployment, startDeployment } from '../support/deployment.ts';
import { createDeviceFlow } from '../support/device-flow.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { readMetrics } from '../support/metrics-page.ts';
import { createTestDatabase, describeWithPostgres, type TestDatabase } from '../support/postgres.ts';

/** A database whose clock is wrong: what is found first in the search path stands in for the server's own. */
const WRONG_CLOCK = `create function clock_timestamp() returns timestamptz language sql
  as 'select pg_catalog.clock_timestamp() - interval ''95 seconds'''`;

const ANSWERS = ['/.well-known/openid-configuration', '/token'] as const;

describeWithPostgres('a gateway between clocks that differ', () => {
  let database: TestDatabase;
  let deployment: Deployment;
  let gateway: GatewayProcess;

  beforeAll(async () => {
    database = await createTestDatabase();
    deployment = await startDeployment({
      store: { postgres_url: database.url },
      config: { metrics: { listen: '127.0.0.1:0' } },
    });
    [gateway] = deployment.gateways;
  });

  afterAll(async () => {
    await deployment?.close();
    await database?.drop();
  });

  const off = async (at: GatewayProcess, clock: string) =>
    (await readMetrics(at)).value('sallyport_clock_off_total', { clock });
  const warnings = (at: GatewayProcess) => at.lines.filter((line) => line.includes('has a clock'));

  it('says nothing while they agree', async () => {
    await createDeviceFlow({ url: gateway.url }).signIn();
    expect(warnings(gateway)).toEqual([]);
    expect([await off(gateway, 'store'), await off(gateway, 'identity_provider')]).toEqual([0, 0]);
  });

  it('warns at boot whose clock is off, and starts', async () => {
    await database.sql(WRONG_CLOCK);
    await database.sql(`alter database ${database.name} set search_path = public, pg_catalog`);
    for (const endpoint of ANSWERS)
      deployment.provider.intercept(endpoint, async (_request, original) => ({
        ...(await original()),
        headers: { date: new Date(Date.now() + 3_600_000).toUTCString() },
      }));
    expect(await gateway.stop()).toBe(0);
    gateway = await deployment.start(deployment.configs[0] ?? {});
    expect(warnings(gateway)).toEqual([
      expect.stringMatching(/ warn the store has a clock that is 95 s behind this machine's: /),
      expect.stringMatching(
        / warn the identity provider has a clock that is 3(?:599|600) s ahead of this machine's: /,
      ),
    ]);
    expect([await off(gateway, 'store'), await off(gateway, 'identity_provider')]).toEqual([1, 1]);
  });

  it('counts answers of the token endpoint as well', async () => {
    await createDeviceFlow({ url: gateway.url }).signIn();
    expect(await off(gateway, 'identity_provider')).toBe(2);
    expect(warnings(gateway)).toHaveLength(2);
  });
});
