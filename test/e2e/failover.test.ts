import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Deployment, SECRETS, startDeployment } from '../support/deployment.ts';
import { ask, createDeviceFlow } from '../support/device-flow.ts';
import { transcript } from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';
import { createTestDatabase, describeWithPostgres, type TestDatabase } from '../support/postgres.ts';
import { message, refusal, type StandInUpstream, startUpstream } from '../support/upstream.ts';

const body = JSON.stringify({
  model: 'claude-sonnet-4-5',
  max_tokens: 64,
  messages: [{ role: 'user', content: 'a persimmon' }],
});

describeWithPostgres('two gateways with two equal upstreams', () => {
  let database: TestDatabase;
  let east: StandInUpstream;
  let west: StandInUpstream;
  let deployment: Deployment;
  let bearer: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    east = await startUpstream();
    west = await startUpstream();
    const entry = (name: string, { url }: StandInUpstream, more: object) => ({
      provider: 'anthropic',
      name,
      base_url: url,
      auth: { api_key: SECRETS.upstreamKey },
      priority: 1,
      ...more,
    });
    deployment = await startDeployment({
      replicas: 2,
      store: { postgres_url: database.url },
      config: {
        upstreams: [entry('east', east, { weight: 2 }), entry('west', west, { max_connections: 50 })],
      },
    });
    const tokens = await createDeviceFlow({ url: deployment.gateways[0].url }).signIn();
    bearer = tokens.access_token;
  });

  afterAll(async () => {
    await deployment?.close();
    await east?.close();
    await west?.close();
    await database?.drop();
  });

  beforeEach(() => {
    east.answer = message();
    west.answer = message();
  });

  /** Who served a request of this conversation at the gateway of that number. */
  const serves = async (gateway: 0 | 1, session: string): Promise<unknown> => {
    const { url, event } = deployment.gateways[gateway] ?? deployment.gateways[0];
    const answer = await ask(`${url}/v1/messages`, {
      body,
      bearer,
      headers: { 'content-type': 'application/json', 'x-claude-code-session-id': session },
    });
    expect(answer.status).toBe(200);
    const id = answer.headers.get('request-id');
    return (await event('inference', ({ request_id: requestId }) => requestId === id))['upstream'];
  };

  it('say at boot who shares the conversations and how many requests each may have', async () => {
    for (const { line } of deployment.gateways) {
      await line(/upstreams: east \(anthropic, weight 2\) or west \(anthropic, weight 1\)$/);
      await line(/upstream requests: at most 50 at a time to west, no bound to the others$/);
    }
  });

  it('agree on where a conversation is at home', async () => {
    const homes = new Set<unknown>();
    for (let i = 0; i < 30; i += 1) {
      const home = await serves(0, `session-${i}`);
      expect(await serves(1, `session-${i}`)).toBe(home);
      homes.add(home);
    }
    expect(homes).toEqual(new Set(['east', 'west']));
  });

  it('remember, each for itself, that an upstream asked for time, and record it', async () => {
    let session = '';
    for (let i = 0; session === ''; i += 1)
      if ((await serves(0, `more-${i}`)) === 'east') session = `more-${i}`;
    east.answer = refusal(429, 'rate_limit_error', 'no', { 'retry-after': '25' });
    expect(await serves(0, session)).toBe('west');
    const asked = east.requests.length;
    expect(await serves(0, session)).toBe('west');
    expect(east.requests).toHaveLength(asked);
    const [here] = deployment.gateways;
    expect(await here.event('upstream.cooldown')).toMatchObject({
      request_id: expect.stringMatching(/^req_/),
      upstream: 'east',
      state: 'started',
      seconds: 25,
      reason: 'answered_429',
    });
    await here.line(/ warn upstream east: cooldown of 25 s started \(answered_429\)/);
    expect(deployment.gateways[1]?.events('upstream.cooldown')).toEqual([]);
  });

  it('print nothing secret about it', () => {
    expectNoLeaks(transcript, [...Object.values(SECRETS), bearer, 'persimmon']);
  });
});
