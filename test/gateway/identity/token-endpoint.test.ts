import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEVICE_CODE_GRANT, type DeviceAuthorizationResponse } from '../../../src/kernel/protocol.ts';
import { type Answer, type Ask, ask, createDeviceFlow } from '../../support/device-flow.ts';
import { type IdentityGateway, startIdentityGateway } from '../../support/identity-gateway.ts';

let gateway: IdentityGateway;
let flow: ReturnType<typeof createDeviceFlow>;
let endpoint: string;
let grant: DeviceAuthorizationResponse;

beforeAll(async () => {
  gateway = await startIdentityGateway();
  flow = createDeviceFlow(gateway);
  endpoint = `${gateway.url}/oauth/token`;
});
afterAll(() => gateway.close());
beforeEach(async () => {
  grant = await flow.start({ surface: 'sallyport' });
});
afterEach(() => {
  gateway.store.condition = 'up';
});

const poll = () => flow.poll(grant.device_code);
const errorOf = ({ status, json }: Answer) => [status, json['error']];
const wait = (seconds: number) => gateway.clock.advance(seconds * 1000);

describe('a poll', () => {
  it('hears that the sign-in is pending as long as it keeps to its interval', async () => {
    for (let i = 0; i < 4; i += 1) {
      expect(errorOf(await poll())).toEqual([400, 'authorization_pending']);
      wait(5);
    }
  });

  it('may come one second early', async () => {
    await poll();
    wait(4);
    expect(errorOf(await poll())).toEqual([400, 'authorization_pending']);
    wait(3.999);
    expect(errorOf(await poll())).toEqual([400, 'slow_down']);
  });

  it('has to wait five seconds longer after each slow_down', async () => {
    await poll();
    expect(errorOf(await poll())).toEqual([400, 'slow_down']);
    wait(8.9);
    expect(errorOf(await poll())).toEqual([400, 'slow_down']);
    wait(13.9);
    expect(errorOf(await poll())).toEqual([400, 'slow_down']);
    wait(19);
    expect(errorOf(await poll())).toEqual([400, 'authorization_pending']);
    wait(18.9);
    expect(errorOf(await poll())).toEqual([400, 'slow_down']);
  });

  it('is not too fast after one that was counted by a clock that has been set back since', async () => {
    gateway.clock.jump(60_000);
    await poll();
    gateway.clock.jump(-60_000);
    wait(5);
    expect(errorOf(await poll())).toEqual([400, 'authorization_pending']);
  });

  it('gets tokens once the browser is through, however fast it comes', async () => {
    await poll();
    await flow.approve(grant);
    const answer = await poll();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.json).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 3600,
      refresh_token: expect.stringMatching(/^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/),
      email: 'ada@example.test',
    });
    expect(gateway.eventsOf('session.mint').at(-1)).toMatchObject({
      sub: 'practice-ada',
      email: 'ada@example.test',
      client_ip: '127.0.0.1',
      result: 'ok',
      requestId: answer.headers.get('request-id'),
    });
  });

  it('leaves a session behind that names the client and nothing of the person', async () => {
    await flow.approve(grant);
    const { access_token } = (await poll()).json;
    const { sid } = (await flow.whoAmI(String(access_token))).json;
    expect(await gateway.session(String(sid))).toEqual({
      sid,
      sub: 'practice-ada',
      client: 'sallyport',
      createdAtMs: gateway.clock.now(),
      renewedAtMs: gateway.clock.now(),
      lastSeenAtMs: gateway.clock.now(),
      expiresAtMs: gateway.clock.now() + 30 * 86_400_000,
      revokedAtMs: undefined,
      refreshNumber: 0,
    });
  });

  it('gets no refresh token when the provider gave none', async () => {
    gateway.idp.intercept('/token', async (_request, original) => {
      const { refresh_token: _, ...body } = (await original()).body;
      return { status: 200, body };
    });
    await flow.approve(grant);
    gateway.idp.intercept('/token', undefined);
    expect((await poll()).json).not.toHaveProperty('refresh_token');
  });

  it('hears of a denial, again and again', async () => {
    await flow.submit(grant.user_code, 'deny');
    expect(errorOf(await poll())).toEqual([400, 'access_denied']);
    expect(errorOf(await poll())).toEqual([400, 'access_denied']);
  });

  it('hears that a code is used, before any question of speed', async () => {
    await flow.approve(grant);
    await poll();
    expect(errorOf(await poll())).toEqual([400, 'invalid_grant']);
    expect(errorOf(await poll())).toEqual([400, 'invalid_grant']);
  });

  it('hears expired_token after ten minutes, and when all trace of the code is gone', async () => {
    await flow.approve(grant);
    wait(599.9);
    const other = await flow.start();
    wait(0.1);
    expect(errorOf(await poll())).toEqual([400, 'expired_token']);
    expect(errorOf(await flow.poll(other.device_code))).toEqual([400, 'authorization_pending']);
    await gateway.store.sweep(gateway.clock.now());
    expect(errorOf(await poll())).toEqual([400, 'expired_token']);
    expect(errorOf(await flow.poll(other.device_code))).toEqual([400, 'slow_down']);
  });

  it.each(['unknown', 'x'.repeat(10_000), '\u0000', "' or 1=1 --"])(
    'with a code that was never given (%#) hears expired_token',
    async (code) => expect(errorOf(await flow.poll(code))).toEqual([400, 'expired_token']),
  );

  it('is asked to come again while the store is down', async () => {
    gateway.store.condition = 'down';
    const answer = await poll();
    expect(errorOf(answer)).toEqual([503, 'temporarily_unavailable']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('of many at the same moment, over two replicas, exactly one gets the tokens', async () => {
    const replica = await gateway.replica();
    await flow.approve(grant);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => flow.poll(grant.device_code, i % 2 ? replica.url : gateway.url)),
    );
    const winners = answers.filter(({ status }) => status === 200);
    expect(winners).toHaveLength(1);
    const others = answers.filter(({ status }) => status !== 200);
    expect(new Set(others.map((answer) => errorOf(answer).join(' ')))).toEqual(
      new Set(['400 invalid_grant']),
    );
    await replica.close();
  });

  it('gets its tokens when the store goes down right after the code was spent', async () => {
    await flow.approve(grant);
    gateway.store.before('sessions.create', () => {
      gateway.store.condition = 'down';
    });
    const answer = await poll();
    expect(answer.status).toBe(200);
    expect(gateway.log.lines.at(-1)).toMatch(
      /^warn session row not written request_id=req_\w+: store unavailable$/,
    );
    gateway.store.condition = 'up';
    const { refresh_token } = answer.json;
    const renewed = await flow.refresh(String(refresh_token));
    const { sid } = (await flow.whoAmI(String(renewed.json['access_token']))).json;
    expect(await gateway.session(String(sid))).toMatchObject({ sub: 'practice-ada', refreshNumber: 1 });
  });
});

describe('the token endpoint', () => {
  const device = DEVICE_CODE_GRANT;
  it.each<[string, Ask, string]>([
    ['an empty form', { form: {} }, 'grant_type is required'],
    ['an empty grant type', { form: { grant_type: '' } }, 'grant_type is required'],
    [
      'a grant type twice',
      {
        form: new URLSearchParams([
          ['grant_type', device],
          ['grant_type', device],
        ]),
      },
      'grant_type is repeated',
    ],
    ['no device code', { form: { grant_type: device } }, 'device_code is required'],
    ['an empty device code', { form: { grant_type: device, device_code: '' } }, 'device_code is required'],
    [
      'two device codes',
      { form: new URLSearchParams(`grant_type=${device}&device_code=a&device_code=b`) },
      'device_code is repeated',
    ],
    ['no refresh token', { form: { grant_type: 'refresh_token' } }, 'refresh_token is required'],
    [
      'two refresh tokens',
      { form: new URLSearchParams('grant_type=refresh_token&refresh_token=a&refresh_token=a') },
      'refresh_token is repeated',
    ],
    [
      'JSON',
      { body: JSON.stringify({ grant_type: device }), headers: { 'content-type': 'application/json' } },
      'send the parameters as application/x-www-form-urlencoded',
    ],
    [
      'a form that says it is plain text',
      { body: `grant_type=${device}`, headers: { 'content-type': 'text/plain' } },
      'send the parameters as application/x-www-form-urlencoded',
    ],
  ])('refuses %s', async (_what, options, sentence) => {
    const answer = await ask(endpoint, options);
    expect(answer.status).toBe(400);
    expect(answer.json).toEqual({ error: 'invalid_request', error_description: sentence });
  });

  it.each([
    'authorization_code',
    'password',
    'client_credentials',
    '__proto__',
    'constructor',
    'DEVICE_CODE',
  ])('does not know the grant %s', async (grantType) => {
    const answer = await ask(endpoint, { form: { grant_type: grantType, code: 'x' } });
    expect(errorOf(answer)).toEqual([400, 'unsupported_grant_type']);
  });

  it('ignores what it does not know', async () => {
    const form = new URLSearchParams({
      grant_type: device,
      device_code: grant.device_code,
      client_secret: 'x',
      a: '1',
    });
    form.append('a', '2');
    expect(errorOf(await ask(`${endpoint}?grant_type=other`, { form }))).toEqual([
      400,
      'authorization_pending',
    ]);
  });

  it('takes a form whose type carries a charset', async () => {
    const answer = await ask(endpoint, {
      body: new URLSearchParams({ grant_type: device, device_code: grant.device_code }).toString(),
      headers: { 'content-type': 'Application/X-WWW-Form-Urlencoded; charset=UTF-8' },
    });
    expect(errorOf(answer)).toEqual([400, 'authorization_pending']);
  });

  it('refuses a form that is larger than any token', async () => {
    const answer = await ask(endpoint, { form: { grant_type: device, device_code: 'x'.repeat(600_000) } });
    expect(errorOf(answer)).toEqual([413, 'invalid_request']);
  });

  it('never answers with a challenge, and never in a cacheable way', async () => {
    const answers = [
      await poll(),
      await flow.poll('unknown'),
      await flow.refresh('unknown'),
      await ask(endpoint, { form: {} }),
      await ask(endpoint, { form: { grant_type: 'password' } }),
      await ask(endpoint),
    ];
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 401, 400, 400, 405]);
    for (const { headers, json } of answers) {
      expect(headers.get('www-authenticate')).toBeNull();
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('request-id')).toMatch(/^req_\w+$/);
      expect(Object.keys(json)).toEqual(['error', 'error_description']);
    }
  });
});
