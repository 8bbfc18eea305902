import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, ask, createDeviceFlow } from '../../support/device-flow.ts';
import { type IdentityGateway, startIdentityGateway } from '../../support/identity-gateway.ts';

const MARKUP = `<img src=x onerror="alert(1)">&'`;
const PEOPLE = [
  { sub: 'ada', name: MARKUP, email: `${MARKUP}@example.test`, groups: ['eng'], about: 'an engineer' },
  { sub: 'nameless', name: MARKUP, email: 'nameless@example.test', groups: [], about: 'another' },
];

let gateway: IdentityGateway;
let flow: ReturnType<typeof createDeviceFlow>;

beforeAll(async () => {
  gateway = await startIdentityGateway({}, { people: PEOPLE });
  flow = createDeviceFlow(gateway);
});
afterAll(() => gateway.close());
beforeEach(() => gateway.restart());

/** One of every page there is, by name. */
async function everyPage(): Promise<Map<string, Answer>> {
  const shown = await flow.start({ surface: 'sallyport' }, '203.0.113.60');
  const refused = await flow.start();
  const toRefuse = await flow.goToProvider(refused.user_code);
  const signedIn = await flow.start();
  const { callbackUrl, cookie } = await flow.goToProvider(signedIn.user_code);
  const failed = await flow.start();
  const toFail = await flow.goToProvider(failed.user_code);
  const error = (url: string, name: string) => url.replace(/code=[^&]*/, `error=${name}`);
  const pages = new Map<string, Answer>([
    ['landing', await ask(`${gateway.url}/`)],
    ['form', await ask(`${gateway.url}/device`)],
    ['wrong code', await ask(`${gateway.url}/device?user_code=BCDF-GHJK`)],
    ['confirmation', await ask(shown.verification_uri_complete)],
    ['denied', await flow.submit(shown.user_code, 'deny')],
    ['blocked', await flow.submit(shown.user_code, 'continue', { headers: {} })],
    ['expired link', await ask(`${gateway.url}/oauth/callback`)],
    ['refused', await ask(error(toRefuse.callbackUrl, 'access_denied'), { cookie: toRefuse.cookie })],
    ['provider down', await ask(error(toFail.callbackUrl, 'server_error'), { cookie: toFail.cookie })],
    ['signed in', await ask(callbackUrl, { cookie })],
    [
      'no form',
      await ask(`${gateway.url}/device`, { body: '{}', headers: { 'sec-fetch-site': 'same-origin' } }),
    ],
    ['wrong method', await ask(`${gateway.url}/device`, { method: 'DELETE' })],
  ]);
  gateway.store.condition = 'down';
  pages.set('store down', await ask(shown.verification_uri_complete));
  gateway.store.condition = 'up';
  return pages;
}

describe('every page', () => {
  it('carries the headers that keep it harmless', async () => {
    const pages = await everyPage();
    expect([...pages].map(([name, { status }]) => `${name} ${status}`)).toEqual([
      'landing 200',
      'form 200',
      'wrong code 400',
      'confirmation 200',
      'denied 200',
      'blocked 403',
      'expired link 400',
      'refused 403',
      'provider down 503',
      'signed in 200',
      'no form 400',
      'wrong method 405',
      'store down 503',
    ]);
    for (const { headers, text } of pages.values()) {
      const [, style = ''] = /<style>(.*)<\/style>/s.exec(text) ?? [];
      const hash = createHash('sha256').update(style).digest('base64');
      expect(headers.get('content-security-policy')).toBe(
        `default-src 'none'; style-src 'sha256-${hash}'; form-action 'self' ${gateway.idp.origin}; base-uri 'none'; frame-ancestors 'none'`,
      );
      expect(headers.get('referrer-policy')).toBe('same-origin');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    }
  });

  it('is HTML without script, in a named language, with its request id as text', async () => {
    for (const [name, { text, headers }] of await everyPage()) {
      expect(text.startsWith('<!doctype html>\n<html lang="en">'), name).toBe(true);
      expect(text, name).not.toMatch(/<script|<[^>]*\son\w+=|javascript:/i);
      expect(text, name).not.toMatch(/<(?:img|link|iframe|object|embed|base)\b/i);
      expect(text.match(/<style>/g), name).toHaveLength(1);
      expect(text, name).not.toMatch(/\sstyle=/);
      expect(text.match(/<h1>/g), name).toHaveLength(1);
      expect(text, name).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">');
      expect(text, name).toContain(`Request ${headers.get('request-id')}`);
    }
  });

  it('says that it is for practice when it is, and otherwise does not', async () => {
    for (const { text } of (await everyPage()).values()) expect(text).not.toMatch(/practice/i);
    await gateway.restart({ identity: { isPractice: true } });
    for (const [name, { text }] of await everyPage())
      expect(text, name).toContain('This is a practice gateway');
  });

  it('allows forms to lead to the configured origins as well, each once', async () => {
    const formActionOrigins = ['https://login.example', gateway.idp.origin, 'https://login.example'];
    await gateway.restart({ identity: { formActionOrigins } });
    const { headers } = await ask(`${gateway.url}/device`);
    expect(headers.get('content-security-policy')).toContain(
      `form-action 'self' ${gateway.idp.origin} https://login.example;`,
    );
  });

  it('answers HEAD like GET, without a body', async () => {
    const { user_code } = await flow.start();
    for (const path of ['/', '/device', `/device?user_code=${user_code}`]) {
      const [got, head] = [await ask(gateway.url + path), await ask(gateway.url + path, { method: 'HEAD' })];
      expect(head.status).toBe(got.status);
      expect(head.text).toBe('');
      for (const name of ['content-type', 'content-length', 'content-security-policy', 'cache-control'])
        expect(head.headers.get(name)).toBe(got.headers.get(name));
    }
  });
});

describe('text from outside', () => {
  it.each(['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "'onmouseover='x", '</dd><form>'])(
    'as a surface (%j) is not shown at all',
    async (surface) => {
      const { text } = await ask((await flow.start({ surface })).verification_uri_complete);
      expect(text).toContain('<dd>not named</dd>');
      expect(text).not.toContain(surface);
    },
  );

  it('in the operator’s notice is escaped', async () => {
    await gateway.restart({ identity: { loginNotice: MARKUP } });
    const { text } = await ask((await flow.start()).verification_uri_complete);
    expect(text).toContain('<p>&#60;img src=x onerror=&#34;alert(1)&#34;&#62;&#38;&#39;</p>');
    expect(text).not.toContain('<img');
  });

  it('in a name or an email address is escaped', async () => {
    const html = (await flow.approve(await flow.start(), 'ada')).html;
    expect(html).toContain('&#60;img src=x onerror=&#34;alert(1)&#34;&#62;&#38;&#39;@example.test</strong>');
    expect(html).not.toContain('<img');
    await gateway.restart({ provider: { emailClaim: 'upn' } });
    expect((await flow.approve(await flow.start(), 'nameless')).html).toContain('<strong>&#60;img src=x');
  });

  it.each(['user_code', 'state', 'error', 'code', 'anything'])(
    'in the query as %s is never echoed',
    async (name) => {
      for (const path of ['/', '/device', '/oauth/callback']) {
        const { text } = await ask(`${gateway.url}${path}?${name}=${encodeURIComponent(MARKUP)}`);
        expect(text).not.toContain('onerror');
      }
    },
  );

  it('in a submitted code is never echoed', async () => {
    expect((await flow.submit(MARKUP)).text).not.toContain('onerror');
  });
});

describe('the landing page', () => {
  it('says what this is, which version, and how to sign in', async () => {
    const { status, text } = await ask(`${gateway.url}/`);
    expect(status).toBe(200);
    expect(text).toContain('Sallyport gateway, version 0.0.0-test');
    expect(text).toContain(`npx sallyport login --gateway-url ${gateway.url}`);
    expect(text).toContain('<code>/login</code>');
    expect(text).toContain('<a href="/device">');
  });

  it('tells nothing about the provider or the settings', async () => {
    const { text } = await ask(`${gateway.url}/`);
    expect(text).not.toContain(gateway.idp.issuer);
    expect(text).not.toContain(gateway.idp.clientSecret);
  });
});

describe('the discovery document', () => {
  const url = () => `${gateway.url}/.well-known/oauth-authorization-server`;

  it('is exactly this', async () => {
    const answer = await ask(url());
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.json).toEqual({
      issuer: gateway.url,
      device_authorization_endpoint: `${gateway.url}/oauth/device_authorization`,
      token_endpoint: `${gateway.url}/oauth/token`,
      revocation_endpoint: `${gateway.url}/oauth/revoke`,
      grant_types_supported: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      response_types_supported: [],
      token_endpoint_auth_methods_supported: ['none'],
      revocation_endpoint_auth_methods_supported: ['none'],
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      gateway_protocol_version: 1,
    });
  });

  it('is built from the public URL, whatever the request says, and served while the store is down', async () => {
    await gateway.restart({ identity: { publicUrl: 'https://gateway.example' } });
    gateway.store.condition = 'down';
    const answer = await ask(url(), {
      headers: { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' },
    });
    gateway.store.condition = 'up';
    expect(answer.json).toMatchObject({
      issuer: 'https://gateway.example',
      token_endpoint: 'https://gateway.example/oauth/token',
    });
  });
});
