import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type DeviceAuthorizationResponse, paths } from '../../../src/kernel/protocol.ts';
import { type Answer, ask, createDeviceFlow } from '../../support/device-flow.ts';
import { type IdentityGateway, startIdentityGateway } from '../../support/identity-gateway.ts';

let gateway: IdentityGateway;
let flow: ReturnType<typeof createDeviceFlow>;
let grant: DeviceAuthorizationResponse;
let callback: { readonly callbackUrl: string; readonly cookie: string };

beforeAll(async () => {
  gateway = await startIdentityGateway();
  flow = createDeviceFlow(gateway);
});
afterAll(() => gateway.close());
beforeEach(async () => {
  await gateway.restart();
  grant = await flow.start();
  callback = await flow.goToProvider(grant.user_code);
});
afterEach(() => gateway.idp.intercept('/token', undefined));

const load = (url = callback.callbackUrl, method = 'GET') => ask(url, { method, cookie: callback.cookie });
const poll = () => flow.poll(grant.device_code);
const codesShown = () =>
  gateway.idp.requests.filter(
    ({ form }) => form.get('code') === new URL(callback.callbackUrl).searchParams.get('code'),
  );
/** The page says nothing against the person, and the link in the terminal is still good. */
async function expectToGoOn(answer: Answer): Promise<void> {
  expect(answer.status).toBe(503);
  expect(answer.text).toContain('could not accept the answer of your organisation’s identity provider');
  expect(answer.text).toContain('Open the link from your terminal again');
  expect(answer.text).not.toContain('not accepted here');
  expect((await poll()).json['error']).toBe('authorization_pending');
  gateway.idp.intercept('/token', undefined);
  expect((await flow.approve(grant)).html).toContain('You are signed in');
  gateway.clock.advance(10_000);
  expect((await poll()).status).toBe(200);
}

describe('a callback that is loaded again', () => {
  it('while the provider is asked shows it the code once, and signs in a session that lasts', async () => {
    const answered = Promise.withResolvers<void>();
    gateway.idp.intercept('/token', async (_request, original) => {
      const answer = await original();
      await answered.promise;
      return answer;
    });
    const asked = gateway.idp.asked('/token');
    const first = load();
    await asked;
    const looked = gateway.store.answered('grants.findByDevice');
    const second = load();
    await looked;
    answered.resolve();
    for (const answer of [await first, await second]) expect(answer.text).toContain('You are signed in');
    expect(codesShown()).toHaveLength(1);
    gateway.idp.intercept('/token', undefined);
    const { status, json } = await poll();
    expect(status).toBe(200);
    expect((await flow.refresh(String(json['refresh_token']))).status).toBe(200);
  });

  it('at another replica while the provider is asked leaves the grant to the first', async () => {
    const other = await gateway.replica(gateway.clock);
    const answered = Promise.withResolvers<void>();
    gateway.idp.intercept('/token', async (_request, original) => {
      gateway.idp.intercept('/token', undefined);
      const answer = await original();
      await answered.promise;
      return answer;
    });
    const asked = gateway.idp.asked('/token');
    const first = load();
    await asked;
    const { pathname, search } = new URL(callback.callbackUrl);
    const second = await load(other.url + pathname + search);
    expect(second.text).toContain('Open the link from your terminal again');
    expect((await poll()).json['error']).toBe('authorization_pending');
    answered.resolve();
    expect((await first).text).toContain('You are signed in');
    expect((await poll()).status).toBe(200);
    await other.close();
  });

  it("after the provider's answer was lost leaves the grant pending", async () => {
    gateway.idp.intercept('/token', async (_request, original) => {
      await original();
      return { status: 502, body: {} };
    });
    expect((await load()).status).toBe(503);
    gateway.idp.intercept('/token', undefined);
    const answer = await load();
    const line = gateway.log.lines.find((text) => text.includes(String(answer.headers.get('request-id'))));
    expect(line).toMatch(/^error token exchange failed .* the code was used already or has expired/);
    await expectToGoOn(answer);
  });

  it('with HEAD is not taken, and its code stays good', async () => {
    const head = await load(undefined, 'HEAD');
    expect(head.status).toBe(405);
    expect(head.headers.get('allow')).toBe('GET, POST');
    expect(codesShown()).toHaveLength(0);
    expect((await load()).text).toContain('You are signed in');
  });
});

describe("an operator's mistake", () => {
  it('with the algorithm of id_tokens is not blamed on the person', async () => {
    await gateway.restart({ provider: { idTokenSignedResponseAlg: 'RS256' } });
    const answer = await load();
    const requestId = answer.headers.get('request-id');
    expect(answer.text).toContain(`Request ${requestId}`);
    expect(gateway.events.filter((event) => event.requestId === requestId)).toEqual([
      {
        event: 'device.callback',
        requestId,
        client_ip: '127.0.0.1',
        result: 'provider_error',
        reason: 'id_token_algorithm',
      },
    ]);
    expect(gateway.log.lines.filter((line) => line.includes(`request_id=${requestId}`))).toEqual([
      expect.stringMatching(/^error token exchange failed .*oidc\.id_token_signed_response_alg/),
    ]);
    await gateway.restart();
    await expectToGoOn(answer);
  });

  it('that lets an unsigned id_token arrive lets nobody in', async () => {
    gateway.idp.intercept('/token', async (_request, original) => {
      const { status, body } = await original();
      const [, claims] = String(body['id_token']).split('.');
      const header = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
      return { status, body: { ...body, id_token: `${header}.${claims}.` } };
    });
    await expectToGoOn(await load());
  });
});

describe('an answer in the browser that names another issuer', () => {
  it.each(['access_denied', 'server_error'])('does not end the grant with %s', async (error) => {
    const query = new URLSearchParams({ iss: 'https://other.example.test', error });
    query.set('state', new URL(callback.callbackUrl).searchParams.get('state') ?? '');
    const answer = await load(`${gateway.url}${paths.callback}?${query}`);
    expect(gateway.eventsOf('device.callback').at(-1)).toMatchObject({ reason: 'issuer_mismatch' });
    await expectToGoOn(answer);
  });
});
