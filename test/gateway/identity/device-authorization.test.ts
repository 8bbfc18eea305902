import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, createDeviceFlow } from '../../support/device-flow.ts';
import { type IdentityGateway, startIdentityGateway } from '../../support/identity-gateway.ts';

let gateway: IdentityGateway;
let endpoint: string;

beforeAll(async () => {
  gateway = await startIdentityGateway();
  endpoint = `${gateway.url}/oauth/device_authorization`;
});
afterAll(() => gateway.close());
afterEach(() => {
  gateway.store.condition = 'up';
});

describe('a device that asks for a code', () => {
  beforeEach(() => gateway.restart());

  it('gets what RFC 8628 section 3.2 says', async () => {
    const answer = await ask(endpoint, { form: { client_id: 'claude-code', scope: 'openid' } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { user_code } = answer.json;
    expect(answer.json).toEqual({
      device_code: expect.stringMatching(/^[\w-]{43}$/),
      user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      verification_uri: `${gateway.url}/device`,
      verification_uri_complete: `${gateway.url}/device?user_code=${user_code}`,
      expires_in: 600,
      interval: 5,
    });
  });

  it('gets 256 random bits for a device code, other ones each time', async () => {
    const codes = await Promise.all(
      Array.from({ length: 20 }, async () => (await ask(endpoint, { form: {} })).json),
    );
    expect(new Set(codes.map(({ device_code }) => device_code)).size).toBe(20);
    expect(new Set(codes.map(({ user_code }) => user_code)).size).toBe(20);
    for (const { device_code } of codes)
      expect(Buffer.from(String(device_code), 'base64url')).toHaveLength(32);
  });

  it('is told the notice of the operator', async () => {
    await gateway.restart({ identity: { loginNotice: 'Only for work. <b>Really</b>' } });
    expect((await ask(endpoint, { form: {} })).json).toMatchObject({
      login_notice: 'Only for work. <b>Really</b>',
    });
  });

  it.each<[string, Parameters<typeof ask>[1]]>([
    ['no body at all', { method: 'POST' }],
    ['an empty form', { form: {} }],
    ['a client id and a scope', { form: { client_id: 'x', scope: 'y' } }],
    ['fields nobody knows, some of them twice', { form: new URLSearchParams('a=1&a=2&surface=&zz=%00') }],
    ['a query, a bearer and a cookie', { form: {}, headers: { authorization: 'Bearer x', cookie: 'a=b' } }],
  ])('may send %s', async (_what, options) => {
    expect((await ask(`${endpoint}?unknown=1`, options)).status).toBe(200);
  });

  it.each([
    ['sallyport', 'sallyport'],
    ['Claude Code (VS Code) 2.1/x64', 'Claude Code (VS Code) 2.1/x64'],
    ['<script>alert(1)</script>', undefined],
    ['line\nbreak', undefined],
    ['a'.repeat(65), undefined],
    ['', undefined],
  ])('that calls itself %j is recorded as %j', async (surface, recorded) => {
    await ask(endpoint, { form: { surface }, from: '203.0.113.9' });
    expect(gateway.eventsOf('device.authorize').at(-1)).toMatchObject({
      client_ip: '203.0.113.9',
      result: 'ok',
    });
    expect(gateway.eventsOf('device.authorize').at(-1)?.['surface']).toBe(recorded);
  });

  it('finds the request id of the answer in the audit event, and no code', async () => {
    const answer = await ask(endpoint, { form: { surface: 'sallyport' } });
    const event = gateway.eventsOf('device.authorize').at(-1);
    expect(event?.requestId).toBe(answer.headers.get('request-id'));
    const recorded = JSON.stringify([gateway.events, gateway.log.lines]);
    expect(recorded).not.toContain(String(answer.json['device_code']));
    expect(recorded).not.toContain(String(answer.json['user_code']));
  });

  it.each([
    ['application/json', '{}'],
    ['text/plain', 'client_id=x'],
    ['multipart/form-data; boundary=x', '--x--'],
  ])('is refused with a body of type %s', async (type, body) => {
    const answer = await ask(endpoint, { body, headers: { 'content-type': type } });
    expect(answer.status).toBe(400);
    expect(answer.json).toEqual({
      error: 'invalid_request',
      error_description: expect.stringContaining('application/x-www-form-urlencoded'),
    });
  });

  it('is told to use POST', async () => {
    const answer = await ask(endpoint);
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('POST');
    expect(answer.json).toMatchObject({ error: 'invalid_request' });
  });

  it('is asked to come again while the store is down', async () => {
    gateway.store.condition = 'down';
    const answer = await ask(endpoint, { form: {} });
    expect(answer.status).toBe(503);
    expect(answer.json).toEqual({
      error: 'temporarily_unavailable',
      error_description: expect.stringContaining('store'),
    });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('the limit of device authorizations', () => {
  const limits = {
    deviceAuthorization: { max: 2, windowSeconds: 600 },
    deviceVerify: { max: 10, windowSeconds: 600 },
  };
  const from = async (address: string) => (await ask(endpoint, { form: {}, from: address })).status;
  beforeEach(() => gateway.restart({ identity: { limits } }));

  it('answers slow_down with the time to wait, and names the setting', async () => {
    expect([await from('203.0.113.1'), await from('203.0.113.1')]).toEqual([200, 200]);
    gateway.clock.advance(100_500);
    const answer = await ask(endpoint, { form: {}, from: '203.0.113.1' });
    expect(answer.status).toBe(429);
    expect(answer.json).toEqual({
      error: 'slow_down',
      error_description: expect.stringContaining('rate_limits.device_authorization'),
    });
    expect(answer.headers.get('retry-after')).toBe('500');
    expect(gateway.eventsOf('device.authorize').at(-1)).toMatchObject({
      result: 'rate_limited',
      client_ip: '203.0.113.1',
    });
  });

  it('ends with its window', async () => {
    expect([await from('203.0.113.2'), await from('203.0.113.2'), await from('203.0.113.2')]).toEqual([
      200, 200, 429,
    ]);
    gateway.clock.advance(600_000);
    expect(await from('203.0.113.2')).toBe(200);
  });

  it('counts each IPv4 address by itself', async () => {
    expect([await from('203.0.113.3'), await from('203.0.113.3'), await from('203.0.113.3')]).toEqual([
      200, 200, 429,
    ]);
    expect(await from('203.0.113.4')).toBe(200);
    expect(await from('::ffff:203.0.113.3')).toBe(429);
  });

  it('counts IPv6 addresses by their /64', async () => {
    expect(await from('2001:db8:0:1::1')).toBe(200);
    expect(await from('2001:db8:0:1:ffff:ffff:ffff:ffff')).toBe(200);
    expect(await from('2001:0DB8:0000:0001:0:0:0:7')).toBe(429);
    expect(await from('2001:db8:0:2::1')).toBe(200);
  });

  it('is one limit for all replicas', async () => {
    const replica = await gateway.replica();
    const atReplica = () =>
      ask(`${replica.url}/oauth/device_authorization`, { form: {}, from: '203.0.113.5' });
    expect([await from('203.0.113.5'), (await atReplica()).status, (await atReplica()).status]).toEqual([
      200, 200, 429,
    ]);
    expect(await from('203.0.113.5')).toBe(429);
    await replica.close();
  });

  it('leaves the token endpoint alone', async () => {
    const flow = createDeviceFlow(gateway);
    const grant = await flow.start({}, '203.0.113.6');
    expect([await from('203.0.113.6'), await from('203.0.113.6')]).toEqual([200, 429]);
    expect((await flow.poll(grant.device_code)).json).toMatchObject({ error: 'authorization_pending' });
  });
});
