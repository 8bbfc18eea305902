import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Deployment, startDeployment } from '../support/deployment.ts';
import { ask, createDeviceFlow } from '../support/device-flow.ts';
import { createTestDatabase, describeWithPostgres, type TestDatabase } from '../support/postgres.ts';

describeWithPostgres('two gateways on one PostgreSQL', () => {
  let database: TestDatabase;
  let deployment: Deployment;
  let flow: ReturnType<typeof createDeviceFlow>;
  let [here, there] = ['', ''];

  beforeAll(async () => {
    database = await createTestDatabase();
    deployment = await startDeployment({ replicas: 2, store: { postgres_url: database.url } });
    [here, there] = deployment.gateways.map(({ url }) => url) as [string, string];
    flow = createDeviceFlow({ url: here });
  });

  afterAll(async () => {
    await deployment?.close();
    await database?.drop();
  });

  const models = (at: string, bearer: string) => ask(`${at}/v1/models`, { bearer });

  it('boot at once on an empty database, and each migration is applied by one of them', () => {
    const applied = deployment.gateways.flatMap(({ lines }) =>
      lines.flatMap((line) => /migration (\d+) applied/.exec(line)?.[1] ?? []),
    );
    expect(applied.length).toBeGreaterThan(0);
    expect(new Set(applied).size).toBe(applied.length);
  });

  it('share a sign-in: started at one, approved at the other, redeemed at the first', async () => {
    const grant = await flow.start();
    expect(grant.verification_uri_complete.startsWith(there)).toBe(true);
    expect((await flow.approve(grant)).status).toBe(200);
    const { access_token: accessToken } = (await flow.poll(grant.device_code, here)).json;
    for (const gateway of [here, there])
      expect((await models(gateway, String(accessToken))).status).toBe(200);
  });

  it('give the tokens of one sign-in once, whichever of them is asked', async () => {
    const grant = await flow.start();
    await flow.approve(grant);
    const polls = [here, there, here, there].map((gateway) => flow.poll(grant.device_code, gateway));
    const answers = await Promise.all(polls);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400]);
    const refusals = answers.filter(({ status }) => status === 400);
    expect(refusals.map(({ json }) => json['error'])).toEqual(Array(3).fill('invalid_grant'));
  });

  it('renew a session at either of them', async () => {
    const { refresh_token: first } = await flow.signIn();
    const second = (await flow.refresh(first, there)).json['refresh_token'];
    const renewed = await flow.refresh(String(second), here);
    expect(renewed.status).toBe(200);
    expect((await models(there, String(renewed.json['access_token']))).status).toBe(200);
  });

  it('give the answer of a refresh again, whichever of them is asked', async () => {
    const { refresh_token: first } = await flow.signIn();
    const answer = await flow.refresh(first, here);
    const again = await flow.refresh(first, there);
    expect([answer.status, again.text]).toEqual([200, answer.text]);
    const renewed = await flow.refresh(String(again.json['refresh_token']), there);
    expect(renewed.status).toBe(200);
    expect((await models(here, String(renewed.json['access_token']))).status).toBe(200);
  });

  it('refuse at one what was signed out at the other, within five seconds', async () => {
    const { access_token: accessToken, refresh_token: refreshToken } = await flow.signIn();
    expect((await models(there, accessToken)).status).toBe(200);
    expect((await flow.revoke(refreshToken, here)).status).toBe(200);
    expect((await models(here, accessToken)).status).toBe(401);
    await expect
      .poll(async () => (await models(there, accessToken)).status, { timeout: 5_000, interval: 100 })
      .toBe(401);
    expect((await models(there, accessToken)).headers.get('x-should-retry')).toBe('false');
    expect((await flow.refresh(refreshToken, there)).status).toBe(401);
  });

  it('count attempts to sign in together', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 32; i += 1) {
      const gateway = i % 2 === 0 ? here : there;
      statuses.push((await ask(`${gateway}/oauth/device_authorization`, { method: 'POST' })).status);
    }
    expect(statuses.at(-1)).toBe(429);
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(30);
  });
});
