import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceAuthorizationResponse } from '../../../src/kernel/protocol.ts';
import { ask, createDeviceFlow } from '../../support/device-flow.ts';
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

const submit = (headers: Record<string, string>, action = 'continue') =>
  flow.submit(grant.user_code, action, { headers });

describe('a submission', () => {
  it.each([['the same origin', { 'sec-fetch-site': 'same-origin' }]])(
    'passes from %s',
    async (_what, headers) => {
      expect((await submit(headers)).status).toBe(303);
    },
  );

  it('passes without Sec-Fetch-Site when Origin is the gateway’s own', async () => {
    expect((await submit({ origin: gateway.url })).status).toBe(303);
  });

  it('passes by Sec-Fetch-Site alone, which no page can forge', async () => {
    expect((await submit({ 'sec-fetch-site': 'same-origin', origin: 'null' })).status).toBe(303);
  });

  it.each<[string, Record<string, string>]>([
    ['neither header', {}],
    ['Origin: null', { origin: 'null' }],
    ['an empty Origin', { origin: '' }],
    ['a foreign Origin', { origin: 'https://evil.example' }],
    ['another port of this host', { origin: 'http://127.0.0.1:1' }],
    ['a Referer of this gateway alone', { referer: 'http://127.0.0.1/device' }],
    ['Sec-Fetch-Site: cross-site', { 'sec-fetch-site': 'cross-site' }],
    ['Sec-Fetch-Site: same-site', { 'sec-fetch-site': 'same-site' }],
    ['Sec-Fetch-Site: none', { 'sec-fetch-site': 'none' }],
    ['an empty Sec-Fetch-Site', { 'sec-fetch-site': '' }],
    ['two values of Sec-Fetch-Site', { 'sec-fetch-site': 'same-origin, cross-site' }],
  ])('with %s is blocked', async (_what, headers) => {
    for (const action of ['continue', 'deny']) {
      const answer = await submit(headers, action);
      expect(answer.status).toBe(403);
      expect(answer.text).toContain('<h1>This request came from another site and was blocked</h1>');
      expect(answer.headers.getSetCookie()).toEqual([]);
      expect(gateway.eventsOf('device.verify').at(-1)).toEqual({
        event: 'device.verify',
        requestId: answer.headers.get('request-id'),
        client_ip: '127.0.0.1',
        result: 'csrf_rejected',
      });
    }
    expect((await flow.poll(grant.device_code)).json).toMatchObject({ error: 'authorization_pending' });
  });

  it('of another site is blocked even with the right Origin', async () => {
    expect((await submit({ 'sec-fetch-site': 'cross-site', origin: gateway.url })).status).toBe(403);
  });

  it('is compared with the public URL, never with the Host it was sent to', async () => {
    await gateway.restart({ identity: { publicUrl: 'https://gateway.example' } });
    expect((await submit({ origin: gateway.url })).status).toBe(403);
    expect((await submit({ origin: 'https://gateway.example' })).status).toBe(303);
    await gateway.restart();
  });

  it('of another site is blocked before its body is looked at or counted', async () => {
    const limits = {
      deviceAuthorization: { max: 100, windowSeconds: 600 },
      deviceVerify: { max: 1, windowSeconds: 600 },
    };
    await gateway.restart({ identity: { limits } });
    const blocked = { from: '203.0.113.40', body: '{', headers: { 'content-type': 'application/json' } };
    for (let i = 0; i < 3; i += 1) expect((await ask(`${gateway.url}/device`, blocked)).status).toBe(403);
    const own = { from: '203.0.113.40', headers: { 'sec-fetch-site': 'same-origin' } };
    expect((await flow.submit(grant.user_code, 'continue', own)).status).toBe(303);
    await gateway.restart();
  });
});

describe('a submission that is no form', () => {
  const sameOrigin = { 'sec-fetch-site': 'same-origin' };
  it.each<[number, string, { body: string; headers: Record<string, string> }]>([
    [400, 'JSON', { body: '{}', headers: { 'content-type': 'application/json' } }],
    [413, 'larger than any form', { body: 'x'.repeat(600_000), headers: {} }],
    [415, 'in an unknown encoding', { body: 'x', headers: { 'content-encoding': 'bzip2' } }],
  ])('is answered with a page and %i when it is %s', async (status, _what, { body, headers }) => {
    const answer = await ask(`${gateway.url}/device`, { body, headers: { ...headers, ...sameOrigin } });
    expect(answer.status).toBe(status);
    expect(answer.text).toContain('<h1>That did not work</h1>');
  });

  it('is answered with a page when its method is another', async () => {
    const answer = await ask(`${gateway.url}/device`, { method: 'PUT' });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('GET, POST, HEAD');
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  });
});
