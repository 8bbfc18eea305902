import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceAuthorizationResponse } from '../../../src/kernel/protocol.ts';
import { type Answer, ask, cookieOf, createDeviceFlow } from '../../support/device-flow.ts';
import { type IdentityGateway, startIdentityGateway } from '../../support/identity-gateway.ts';

let gateway: IdentityGateway;
let flow: ReturnType<typeof createDeviceFlow>;
let grant: DeviceAuthorizationResponse;

beforeAll(async () => {
  gateway = await startIdentityGateway();
  flow = createDeviceFlow(gateway);
});
afterAll(() => gateway.close());
beforeEach(async () => {
  grant = await flow.start();
});
afterEach(() => {
  gateway.idp.intercept('/token', undefined);
  gateway.store.condition = 'up';
});

const nextPoll = async () => {
  const { status, json } = await flow.poll(grant.device_code);
  return status === 200 ? 'tokens' : json['error'];
};
const lastCallback = () => gateway.eventsOf('device.callback').at(-1);
const expectExpired = (answer: Answer) => {
  expect(answer.status).toBe(400);
  expect(answer.text).toContain('<h1>This sign-in link has expired</h1>');
  expect(answer.text).toContain('this sign-in link has expired');
  expect(answer.text).toContain('run <code>sallyport login</code> again');
};
const errorUrl = (callbackUrl: string, error: string) => {
  const url = new URL(callbackUrl);
  url.searchParams.delete('code');
  url.searchParams.set('error', error);
  return url.href;
};

describe('a browser that comes back from the provider', () => {
  it('is told whose account it was, and only now the grant is approved', async () => {
    const { callbackUrl, cookie } = await flow.goToProvider(grant.user_code, 'practice-pat');
    expect(await nextPoll()).toBe('authorization_pending');
    const answer = await ask(callbackUrl, { cookie, from: '203.0.113.50' });
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('Signed in as <strong>pat@example.test</strong>');
    expect(answer.text).toContain('Return to your terminal');
    expect(answer.headers.getSetCookie()).toEqual([
      'sallyport_grant=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax',
    ]);
    expect(lastCallback()).toEqual({
      event: 'device.callback',
      requestId: answer.headers.get('request-id'),
      client_ip: '203.0.113.50',
      result: 'ok',
      sub: 'practice-pat',
    });
    expect(await nextPoll()).toBe('tokens');
  });

  it('redeems its code with the verifier and nonce of this grant', async () => {
    const { callbackUrl, cookie, authorizationUrl } = await flow.goToProvider(grant.user_code);
    await ask(callbackUrl, { cookie });
    const { form } = gateway.idp.requests.filter(({ path }) => path === '/token').at(-1) ?? {};
    expect(form?.get('code')).toBe(new URL(callbackUrl).searchParams.get('code'));
    expect(form?.get('redirect_uri')).toBe(`${gateway.url}/oauth/callback`);
    expect(form?.get('code_verifier')).toMatch(/^[\w-]{43}$/);
    expect(authorizationUrl.searchParams.get('nonce')).toMatch(/^[\w-]{32}$/);
  });

  it('is not lost to polls that come while the provider is asked', async () => {
    const { callbackUrl, cookie } = await flow.goToProvider(grant.user_code);
    const polls: unknown[] = [];
    gateway.idp.intercept('/token', async (_request, original) => {
      polls.push(await nextPoll(), await nextPoll());
      return original();
    });
    gateway.store.before('grants.update', () =>
      gateway.store.before('grants.update', () =>
        gateway.store.before('grants.update', async () => polls.push(await nextPoll())),
      ),
    );
    expect((await ask(callbackUrl, { cookie })).status).toBe(200);
    expect(polls).toEqual(['authorization_pending', 'slow_down', 'slow_down']);
    expect(await nextPoll()).toBe('tokens');
  });

  it.each([
    ['without its cookie', () => ''],
    ['with a cookie that is not ours', () => 'sallyport_grant=eyJhbGciOiJub25lIn0..x.y.z'],
    ['with an empty cookie', () => 'sallyport_grant='],
    ['with a changed cookie', (cookie: string) => `${cookie.slice(0, -5)}AAAAA`],
  ])('%s has an expired link', async (_what, changed) => {
    const { callbackUrl, cookie } = await flow.goToProvider(grant.user_code);
    expectExpired(await ask(callbackUrl, { cookie: changed(cookie) }));
    expect(lastCallback()).toMatchObject({ result: 'unbound' });
    expect(await nextPoll()).toBe('authorization_pending');
    expect((await ask(callbackUrl, { cookie: `other=1; ${cookie}; more=2` })).status).toBe(200);
  });

  it('with the cookie of another grant has an expired link', async () => {
    const attacker = await flow.start();
    const theirs = await flow.goToProvider(attacker.user_code);
    const own = await flow.goToProvider(grant.user_code);
    expectExpired(await ask(theirs.callbackUrl, { cookie: own.cookie }));
    expectExpired(await ask(own.callbackUrl, { cookie: theirs.cookie }));
    expect(await nextPoll()).toBe('authorization_pending');
  });

  it.each([
    ['no state', (url: URL) => url.searchParams.delete('state')],
    ['an empty state', (url: URL) => url.searchParams.set('state', '')],
    ['another state', (url: URL) => url.searchParams.set('state', 'another')],
    ['no code', (url: URL) => url.searchParams.delete('code')],
    [
      'nothing',
      (url: URL) => {
        url.search = '';
      },
    ],
  ])('with %s has an expired link', async (_what, change) => {
    const { callbackUrl, cookie } = await flow.goToProvider(grant.user_code);
    const url = new URL(callbackUrl);
    change(url);
    expectExpired(await ask(url.href, { cookie }));
    expect(await nextPoll()).toBe('authorization_pending');
  });

  it('counts once', async () => {
    const { callbackUrl, cookie } = await flow.goToProvider(grant.user_code);
    expect((await ask(callbackUrl, { cookie })).status).toBe(200);
    expectExpired(await ask(callbackUrl, { cookie }));
    expect(lastCallback()).toMatchObject({ result: 'expired' });
    expect(await nextPoll()).toBe('tokens');
    expectExpired(await ask(callbackUrl, { cookie }));
  });

  it('counts no longer once another browser has taken up the grant', async () => {
    const first = await flow.goToProvider(grant.user_code);
    const second = await flow.goToProvider(grant.user_code, 'practice-con');
    expectExpired(await ask(first.callbackUrl, { cookie: first.cookie }));
    expect((await ask(second.callbackUrl, { cookie: second.cookie })).text).toContain('con@example.test');
  });

  it('counts no longer when another browser takes up the grant while the provider is asked', async () => {
    const first = await flow.goToProvider(grant.user_code);
    gateway.idp.intercept('/token', async (_request, original) => {
      gateway.idp.intercept('/token', undefined);
      await flow.submit(grant.user_code);
      return original();
    });
    expectExpired(await ask(first.callbackUrl, { cookie: first.cookie }));
    expect(await nextPoll()).toBe('authorization_pending');
  });

  it('comes too late after ten minutes', async () => {
    const { callbackUrl, cookie } = await flow.goToProvider(grant.user_code);
    gateway.clock.advance(600_000);
    expectExpired(await ask(callbackUrl, { cookie }));
    expect(await nextPoll()).toBe('expired_token');
  });

  it('is told that the store is down, and can come again', async () => {
    const { callbackUrl, cookie } = await flow.goToProvider(grant.user_code);
    gateway.store.condition = 'down';
    const answer = await ask(callbackUrl, { cookie });
    expect(answer.status).toBe(503);
    expect(answer.text).toContain('Sign-in is not possible right now');
    gateway.store.condition = 'up';
    expect((await ask(callbackUrl, { cookie })).status).toBe(200);
  });
});

describe('a provider that answers with an error', () => {
  it('access_denied ends the grant', async () => {
    const { callbackUrl, cookie } = await flow.goToProvider(grant.user_code);
    const answer = await ask(errorUrl(callbackUrl, 'access_denied'), { cookie });
    expect(answer.status).toBe(403);
    expect(answer.text).toContain('<h1>Sign-in could not be completed</h1>');
    expect(lastCallback()).toMatchObject({ result: 'denied', reason: 'access_denied' });
    expect(await nextPoll()).toBe('access_denied');
  });

  it('by the person who cancels at the provider ends the grant', async () => {
    const { callbackUrl, cookie } = await flow.goToProvider(grant.user_code, '');
    expect(new URL(callbackUrl).searchParams.get('error')).toBe('access_denied');
    expect((await ask(callbackUrl, { cookie })).status).toBe(403);
    expect(await nextPoll()).toBe('access_denied');
  });

  it.each([
    ['server_error', 'server_error'],
    ['temporarily_unavailable', 'temporarily_unavailable'],
    ['login_required', 'login_required'],
    ['<script>alert(1)</script>\n', 'an unknown error'],
    ['', 'an unknown error'],
  ])('%j leaves it pending', async (error, logged) => {
    const { callbackUrl, cookie } = await flow.goToProvider(grant.user_code);
    const linesBefore = gateway.log.lines.length;
    const answer = await ask(errorUrl(callbackUrl, error), { cookie });
    expect(answer.status).toBe(503);
    expect(answer.text).toContain('Sign-in could not be completed');
    expect(answer.text).not.toContain('script>');
    expect(gateway.log.lines.slice(linesBefore)).toEqual([
      `error token exchange failed request_id=${answer.headers.get('request-id')}: the identity provider answered ${logged}; check the client's registration there`,
    ]);
    expect(lastCallback()).toMatchObject({ result: 'provider_error', reason: logged });
    expect(await nextPoll()).toBe('authorization_pending');
    expect((await ask(callbackUrl, { cookie })).status).toBe(200);
  });

  it('to another browser changes nothing', async () => {
    const { callbackUrl } = await flow.goToProvider(grant.user_code);
    expectExpired(await ask(errorUrl(callbackUrl, 'access_denied')));
    expect(await nextPoll()).toBe('authorization_pending');
  });
});

describe('a provider that cannot be asked', () => {
  it.each<[string, { status: number; body: Record<string, unknown> }]>([
    ['answers 500', { status: 500, body: {} }],
    ['answers 429', { status: 429, body: {} }],
    ['does not know this client', { status: 401, body: { error: 'invalid_client' } }],
    ['sends nonsense', { status: 200, body: { a: 1 } }],
  ])('because it %s leaves the grant pending and the page says so with 503', async (_what, tokenAnswer) => {
    const { cookie, callbackUrl } = await flow.goToProvider(grant.user_code);
    gateway.idp.intercept('/token', () => tokenAnswer);
    const linesBefore = gateway.log.lines.length;
    const answer = await ask(callbackUrl, { cookie });
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('10');
    expect(answer.text).toContain('identity provider');
    expect(lastCallback()).toMatchObject({ result: 'provider_error' });
    const lines = gateway.log.lines.slice(linesBefore).filter((line) => line.startsWith('error'));
    expect(lines).toEqual([
      expect.stringContaining(`token exchange failed request_id=${answer.headers.get('request-id')}`),
    ]);
    expect(await nextPoll()).toBe('authorization_pending');
    gateway.idp.intercept('/token', undefined);
    expect((await flow.approve(grant)).html).toContain('You are signed in');
    expect(await nextPoll()).toBe('tokens');
  });

  it('so that its id_token can be verified leaves the grant pending', async () => {
    const { cookie, callbackUrl } = await flow.goToProvider(grant.user_code);
    gateway.idp.intercept('/token', async (_request, original) => {
      const { status, body } = await original();
      const [header, claims] = String(body['id_token']).split('.');
      return { status, body: { ...body, id_token: `${header}.${claims}.${'A'.repeat(86)}` } };
    });
    const answer = await ask(callbackUrl, { cookie });
    expect(answer.status).toBe(503);
    expect(answer.text).toContain('Open the link from your terminal again');
    expect(lastCallback()).toMatchObject({ result: 'provider_error', reason: 'id_token_signature' });
    expect(gateway.log.lines.at(-1)).toContain("the id_token's signature is not the provider's");
    expect(await nextPoll()).toBe('authorization_pending');
    gateway.idp.intercept('/token', undefined);
    expect((await flow.approve(grant)).html).toContain('You are signed in');
  });

  it('because it takes too long is given up', async () => {
    const { cookie, callbackUrl } = await flow.goToProvider(grant.user_code);
    gateway.idp.intercept('/token', () => undefined);
    const asked = gateway.idp.asked('/token');
    const answer = ask(callbackUrl, { cookie });
    await asked;
    gateway.clock.advance(15_000);
    expect((await answer).status).toBe(503);
    expect(await nextPoll()).toBe('authorization_pending');
  });
});

describe('a callback that was posted', () => {
  it('names response_mode and reads nothing', async () => {
    const sent = await flow.submit(grant.user_code);
    const answer = await ask(`${gateway.url}/oauth/callback`, {
      form: { code: 'x', state: new URL(sent.headers.get('location') ?? '').searchParams.get('state') ?? '' },
      cookie: cookieOf(sent),
      headers: { 'sec-fetch-site': 'cross-site', origin: gateway.idp.origin },
    });
    expectExpired(answer);
    expect(answer.text).toContain('response_mode');
    expect(lastCallback()).toMatchObject({ result: 'posted' });
    expect(await nextPoll()).toBe('authorization_pending');
  });

  it('is answered whatever its body is', async () => {
    const url = `${gateway.url}/oauth/callback`;
    expectExpired(await ask(url, { body: '\u0000', headers: { 'content-type': 'nonsense' } }));
    expectExpired(await ask(url, { body: 'x'.repeat(1_000_000) }));
    expectExpired(await ask(url, { method: 'POST' }));
  });
});
