import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { OpenIdProviderOptions } from '../../../src/gateway/identity/openid-provider.ts';
import { ask, createDeviceFlow } from '../../support/device-flow.ts';
import { type IdentityGateway, startIdentityGateway } from '../../support/identity-gateway.ts';

let gateway: IdentityGateway;
let flow: ReturnType<typeof createDeviceFlow>;

const PEOPLE = [
  { sub: 'ada', name: 'Ada', email: 'ada@example.test', groups: ['eng'], about: 'an engineer' },
  {
    sub: 'mallory',
    name: 'Mallory',
    email: 'mallory@evil.test',
    groups: ['secret-group'],
    about: 'somebody else',
  },
];

beforeAll(async () => {
  gateway = await startIdentityGateway({}, { people: PEOPLE });
  flow = createDeviceFlow(gateway);
});
afterAll(() => gateway.close());
afterEach(() => gateway.idp.intercept('/token', undefined));

async function tryToSignIn(provider: Partial<OpenIdProviderOptions>, person = 'mallory') {
  await gateway.restart({ provider });
  const grant = await flow.start();
  const page = await flow.approve(grant, person);
  return { grant, page, requestId: page.headers.get('request-id') };
}

describe('a person who is refused', () => {
  it.each<[string, string, Partial<OpenIdProviderOptions>]>([
    ['email_domain_not_allowed', 'email domain not allowed', { allowedEmailDomains: ['example.test'] }],
    ['groups_not_allowed', 'none of the groups', { allowedGroups: ['eng'] }],
    [
      'email_missing',
      'id_token missing email claim',
      { allowedEmailDomains: ['evil.test'], emailClaim: 'upn' },
    ],
  ])('because of %s reads nothing of the reason on the page', async (reason, detail, provider) => {
    const { grant, page, requestId } = await tryToSignIn(provider);
    expect(page.status).toBe(403);
    expect(page.html).toContain('<h1>Sign-in could not be completed</h1>');
    expect(page.html).toContain(`Request ${requestId}`);
    expect(page.html).not.toContain(detail);
    expect(page.html).not.toContain('mallory');
    expect(page.html).not.toContain('secret-group');

    expect(gateway.events.filter((event) => event.requestId === requestId)).toEqual([
      { event: 'device.callback', requestId, client_ip: '127.0.0.1', result: 'denied', reason },
      { event: 'auth.denied', requestId, client_ip: '127.0.0.1', path: '/oauth/callback', reason },
    ]);
    const line = gateway.log.lines.find((text) => text.includes(`request_id=${requestId}`));
    expect(line).toMatch(/^warn token exchange failed request_id=\w+: /);
    expect(line).toContain(detail);
    expect(line).toContain('sign-in refused');
    expect((await flow.poll(grant.device_code)).json).toMatchObject({ error: 'access_denied' });
  });

  it('takes nobody else with them', async () => {
    const { grant, page } = await tryToSignIn({ allowedEmailDomains: ['example.test'] }, 'ada');
    expect(page.status).toBe(200);
    expect((await flow.poll(grant.device_code)).status).toBe(200);
  });

  it('finds the link used up', async () => {
    const { grant } = await tryToSignIn({ allowedGroups: ['eng'] });
    expect((await ask(grant.verification_uri_complete)).text).toContain('Enter the code from your device');
  });

  it('by the token endpoint is refused the same way', async () => {
    gateway.idp.intercept('/token', () => ({ status: 400, body: { error: 'access_denied' } }));
    const { page, grant } = await tryToSignIn({});
    expect(page.status).toBe(403);
    expect(gateway.eventsOf('auth.denied').at(-1)).toMatchObject({ reason: 'access_denied' });
    expect((await flow.poll(grant.device_code)).json).toMatchObject({ error: 'access_denied' });
  });
});

describe('an account without an email address', () => {
  it('may sign in where no domains are required', async () => {
    const { grant, page } = await tryToSignIn({ emailClaim: 'upn' });
    expect(page.html).toContain('Signed in as <strong>Mallory</strong>');
    const tokens = (await flow.poll(grant.device_code)).json;
    expect(tokens).not.toHaveProperty('email');
    const caller = (await flow.whoAmI(String(tokens['access_token']))).json;
    expect(caller).toMatchObject({ sub: 'mallory', groups: ['secret-group'] });
    expect(caller).not.toHaveProperty('email');
  });
});
