import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceAuthorizationResponse } from '../../../src/kernel/protocol.ts';
import { type Answer, ask, createDeviceFlow, SAME_ORIGIN } from '../../support/device-flow.ts';
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
  await gateway.restart();
  grant = await flow.start({ surface: 'sallyport' }, '203.0.113.7');
});
afterEach(() => {
  gateway.store.condition = 'up';
});

const device = () => `${gateway.url}/device`;
const show = (code: string, from?: string) =>
  ask(`${device()}?user_code=${encodeURIComponent(code)}`, from === undefined ? {} : { from });
const lastVerify = () => gateway.eventsOf('device.verify').at(-1);
const nextPoll = async () => (await flow.poll(grant.device_code)).json['error'];

/** What differs between two pages of the same kind. */
const withoutRequestId = ({ text }: Answer) => text.replace(/req_\w+/g, 'req_');

describe('the page of a link', () => {
  it('says what is being approved, and offers to go on or to deny', async () => {
    const { status, text } = await show(grant.user_code, '203.0.113.7');
    expect(status).toBe(200);
    const asked = new Date(gateway.clock.now()).toISOString().replace('T', ' ').slice(0, 19);
    for (const shown of [grant.user_code, 'sallyport', '203.0.113.7', `${asked} UTC`])
      expect(text).toContain(shown);
    const buttons = [...text.matchAll(/<button[^>]*>([^<]*)</g)].map(([, label]) => label);
    expect(buttons).toEqual(['Continue to sign in', 'Deny']);
    expect(text).toContain('<form method="post" action="/device">');
    expect(text).not.toContain('role="alert"');
  });

  it('says when the browser comes from another address than the device', async () => {
    const { text } = await show(grant.user_code, '198.51.100.9');
    expect(text).toMatch(/role="alert">[^<]*203\.0\.113\.7[^<]*198\.51\.100\.9/);
  });

  it('shows the notice of the operator', async () => {
    await gateway.restart({ identity: { loginNotice: 'Only for work.' } });
    expect((await show(grant.user_code)).text).toContain('<p>Only for work.</p>');
  });

  it.each([
    [{ surface: 'claude_code', client_id: 'some-client' }, 'claude_code'],
    [{ client_id: 'some-client' }, 'some-client'],
    [{ client_id: '<b>client</b>' }, 'not named'],
    [{}, 'not named'],
  ])('names the program of %j as %s', async (form, shown) => {
    const other = await flow.start(form);
    expect((await show(other.user_code)).text).toContain(`<dt>Program</dt><dd>${shown}</dd>`);
  });

  it('says of a code that is no longer good what may have happened and what to do', async () => {
    gateway.clock.advance(600_000);
    const { status, text } = await show(grant.user_code);
    expect(status).toBe(400);
    expect(text).toMatch(/older than ten minutes.*sallyport login/);
  });

  it('takes the code in any case and without its dash', async () => {
    expect((await show(grant.user_code.toLowerCase().replace('-', ''))).text).toContain(
      'Continue to sign in',
    );
  });

  it('approves nothing by being opened', async () => {
    await show(grant.user_code);
    await ask(`${device()}?user_code=${grant.user_code}`, { method: 'HEAD' });
    expect(await nextPoll()).toBe('authorization_pending');
    expect((await show(grant.user_code)).text).toContain('Continue to sign in');
  });
});

describe('the page without a code', () => {
  it('asks for one', async () => {
    const { status, text } = await ask(device());
    expect(status).toBe(200);
    expect(text).toContain('<h1>Enter the code from your device</h1>');
    expect(text).toContain('<label for="user_code">');
    expect(text).toContain('<form method="get" action="/device">');
  });

  it('is one and the same for wrong, used, denied and expired codes', async () => {
    const denied = await flow.start();
    await flow.submit(denied.user_code, 'deny');
    const used = await flow.start();
    await flow.approve(used);
    const approved = await show(used.user_code);
    await flow.poll(used.device_code);
    const pages = [
      await show('BCDF-GHJK'),
      await show('no code at all'),
      await show(denied.user_code),
      approved,
      await show(used.user_code),
      await flow.submit('BCDF-GHJK'),
      await flow.submit(used.user_code),
      await flow.submit('', 'deny'),
    ];
    gateway.clock.advance(600_000);
    pages.push(await show(grant.user_code), await flow.submit(grant.user_code));
    expect(new Set(pages.map(({ status }) => status))).toEqual(new Set([400]));
    expect(new Set(pages.map(withoutRequestId)).size).toBe(1);
    expect(pages[0]?.text).toContain('Enter the code from your device');
    expect(pages[0]?.text).not.toContain('BCDF');
    expect(lastVerify()).toMatchObject({ result: 'not_found' });
  });

  it('says that the store is down', async () => {
    gateway.store.condition = 'down';
    const { status, text, headers } = await show(grant.user_code);
    expect(status).toBe(503);
    expect(headers.get('retry-after')).toBe('10');
    expect(text).toContain('Sign-in is not possible right now');
    expect((await flow.submit(grant.user_code)).status).toBe(503);
  });
});

describe('Continue', () => {
  it('sends the browser to the provider and binds it to the grant', async () => {
    const answer = await flow.submit(grant.user_code);
    expect(answer.status).toBe(303);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const location = new URL(answer.headers.get('location') ?? '');
    expect(location.origin + location.pathname).toBe(`${gateway.idp.issuer}/auth`);
    expect(Object.fromEntries(location.searchParams)).toEqual({
      client_id: gateway.idp.clientId,
      response_type: 'code',
      response_mode: 'query',
      redirect_uri: `${gateway.url}/oauth/callback`,
      scope: 'openid profile email groups offline_access',
      state: expect.stringMatching(/^[\w-]{32}$/),
      nonce: expect.stringMatching(/^[\w-]{32}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^sallyport_grant=[\w.-]+; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/),
    ]);
    expect(lastVerify()).toMatchObject({ result: 'ok', requestId: answer.headers.get('request-id') });
    expect(await nextPoll()).toBe('authorization_pending');
  });

  it('takes a redirect_uri from nothing the request says', async () => {
    const { headers } = await flow.submit(grant.user_code, 'continue', {
      headers: { ...SAME_ORIGIN, 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
    });
    const redirectUri = new URL(headers.get('location') ?? '').searchParams.get('redirect_uri');
    expect(redirectUri).toBe(`${gateway.url}/oauth/callback`);
  });

  it('leaves PKCE out where it is off', async () => {
    await gateway.restart({ identity: { usesPkce: false } });
    const { headers } = await flow.submit(grant.user_code);
    expect([...new URL(headers.get('location') ?? '').searchParams.keys()]).not.toContain('code_challenge');
  });

  it('uses a __Host- cookie that goes over https only when the gateway is https', async () => {
    await gateway.restart({ identity: { publicUrl: 'https://gateway.example' } });
    const [cookie] = (await flow.submit(grant.user_code)).headers.getSetCookie();
    expect(cookie).toMatch(
      /^__Host-sallyport_grant=[\w.-]+; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
    );
  });

  it('goes through while the device polls at the same moment', async () => {
    const polls: unknown[] = [];
    gateway.store.before('grants.update', async () => polls.push(await nextPoll()));
    expect((await flow.submit(grant.user_code)).status).toBe(303);
    expect(polls).toEqual(['authorization_pending']);
  });
});

describe('Deny', () => {
  it('ends the grant at once', async () => {
    const answer = await flow.submit(grant.user_code, 'deny');
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('<h1>Sign-in denied</h1>');
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(lastVerify()).toMatchObject({ result: 'denied' });
    expect(await nextPoll()).toBe('access_denied');
  });

  it('counts while the device polls at the same moment', async () => {
    gateway.store.before('grants.update', nextPoll);
    expect((await flow.submit(grant.user_code, 'deny')).text).toContain('<h1>Sign-in denied</h1>');
    expect(await nextPoll()).toBe('access_denied');
  });

  it('holds against a browser that is at the provider already', async () => {
    const { callbackUrl, cookie } = await flow.goToProvider(grant.user_code);
    await flow.submit(grant.user_code, 'deny');
    expect((await ask(callbackUrl, { cookie })).status).toBe(400);
    expect(await nextPoll()).toBe('access_denied');
  });
});

describe('the limit of submissions', () => {
  const limits = {
    deviceAuthorization: { max: 100, windowSeconds: 600 },
    deviceVerify: { max: 3, windowSeconds: 600 },
  };
  beforeEach(() => gateway.restart({ identity: { limits } }));

  const statuses = async (...answers: (() => Promise<Answer>)[]) => {
    const seen: number[] = [];
    for (const answer of answers) seen.push((await answer()).status);
    return seen;
  };

  it('counts submissions and links with a wrong code, and says when to come again', async () => {
    const from = '203.0.113.20';
    const wrongLink = () => show('BCDF-GHJK', from);
    const submission = () => flow.submit('BCDF-GHJK', 'continue', { from });
    expect(await statuses(wrongLink, submission, wrongLink, wrongLink, submission)).toEqual([
      400, 400, 400, 429, 429,
    ]);
    gateway.clock.advance(60_000);
    const { status, text, headers } = await submission();
    expect(status).toBe(429);
    expect(headers.get('retry-after')).toBe('540');
    expect(text).toContain('Try again in 9 minutes');
    expect(text).toContain('rate_limits.device_verify');
    expect(lastVerify()).toMatchObject({ result: 'rate_limited', client_ip: from });
    gateway.clock.advance(490_000);
    expect((await submission()).text).toContain('Try again in 1 minute.');
    gateway.clock.advance(50_000);
    expect((await submission()).status).toBe(400);
  });

  it('does not count the link of an open grant, nor the empty form', async () => {
    const from = '203.0.113.21';
    const link = () => show(grant.user_code, from);
    const form = () => ask(device(), { from });
    expect(await statuses(link, link, form, form, link, link)).toEqual([200, 200, 200, 200, 200, 200]);
  });

  it('closes the link of an open grant as well, once it is reached', async () => {
    const from = '203.0.113.22';
    const wrong = () => show('BCDF-GHJK', from);
    expect(await statuses(wrong, wrong, wrong, () => show(grant.user_code, from))).toEqual([
      400, 400, 400, 429,
    ]);
    expect((await show(grant.user_code, '203.0.113.23')).status).toBe(200);
  });

  it('lets no more guesses through when they come all at once', async () => {
    const guesses = await Promise.all(Array.from({ length: 30 }, () => show('BCDF-GHJK', '203.0.113.24')));
    expect(guesses.filter(({ status }) => status === 400)).toHaveLength(3);
    expect(guesses.filter(({ status }) => status === 429)).toHaveLength(27);
  });

  it('lets no more guesses through while the link of an open grant is looked up', async () => {
    const from = '203.0.113.25';
    const guess = () => show('BCDF-GHJK', from);
    const guesses: number[] = [];
    gateway.store.before('grants.findByUserCode', async () => {
      guesses.push(...(await statuses(guess, guess, guess)));
    });
    expect((await show(grant.user_code, from)).status).toBe(200);
    expect(guesses).toEqual([400, 400, 429]);
  });

  it('counts IPv6 addresses by their /64', async () => {
    const wrong = (from: string) => () => show('BCDF-GHJK', from);
    expect(
      await statuses(
        wrong('2001:db8:0:9::1'),
        wrong('2001:db8:0:9::2'),
        wrong('2001:db8:0:9:1::'),
        wrong('2001:db8:0:9::4'),
        wrong('2001:db8:0:a::1'),
      ),
    ).toEqual([400, 400, 400, 429, 400]);
  });
});
