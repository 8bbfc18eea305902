import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  randomPKCECodeVerifier,
  refreshTokenGrant,
} from 'openid-client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPracticeIdp, type PracticeIdp } from '../../../src/gateway/dev/practice-idp.ts';
import { type BrowserPage, createBrowser, signInWithoutBrowser } from '../../support/oidc-provider.ts';

const SECRET = 'a practice secret of the tests, long enough';
const verifier = randomPKCECodeVerifier();
const printed = (['log', 'info', 'warn', 'error'] as const).map((name) => vi.spyOn(console, name));

let server: Server;
let origin: string;
let idp: PracticeIdp;
let config: Configuration;

beforeAll(async () => {
  server = createServer((message, response) => {
    if (!idp.handle(message, response)) response.writeHead(200).end('the gateway');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  idp = createPracticeIdp({
    origin,
    mountPath: '/practice-idp',
    clientId: 'sallyport',
    clientSecret: SECRET,
    redirectUri: `${origin}/oauth/callback`,
  });
  config = await discovery(new URL(idp.issuer), 'sallyport', SECRET, undefined, {
    execute: [allowInsecureRequests, enableNonRepudiationChecks],
  });
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  for (const spy of printed) spy.mockRestore();
});

async function authorizationUrl(parameters: Record<string, string> = {}): Promise<string> {
  return buildAuthorizationUrl(config, {
    redirect_uri: `${origin}/oauth/callback`,
    scope: 'openid profile email groups offline_access',
    state: 'state',
    nonce: 'nonce',
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...parameters,
  }).href;
}

const walk = async (person?: string, onPage?: (page: BrowserPage) => void) =>
  signInWithoutBrowser(await authorizationUrl(), {
    ...(person === undefined ? {} : { person }),
    ...(onPage ? { onPage } : {}),
    stopAt: `${origin}/oauth/callback`,
  });

async function signIn(person: string) {
  const callback = new URL((await walk(person)).url);
  return authorizationCodeGrant(config, callback, {
    expectedState: 'state',
    expectedNonce: 'nonce',
    pkceCodeVerifier: verifier,
  });
}

describe('the practice identity provider', () => {
  it.each([
    ['practice-ada', 'ada@example.test', 'eng'],
    ['practice-con', 'con@example.test', 'contractors'],
    ['practice-pat', 'pat@example.test', 'platform-admins'],
  ])('signs %s in with a signed id_token, userinfo and a refresh token', async (sub, email, group) => {
    const tokens = await signIn(sub);
    const expected = { sub, email, email_verified: true, groups: [group] };
    expect(tokens.claims()).toMatchObject({ ...expected, iss: idp.issuer, aud: 'sallyport' });
    expect(await fetchUserInfo(config, tokens.access_token, sub)).toMatchObject(expected);
    expect(tokens.refresh_token).toEqual(expect.any(String));
  });

  it('lives below its path and leaves every other one alone', async () => {
    expect(await (await fetch(`${origin}/`)).text()).toBe('the gateway');
    expect(await (await fetch(`${origin}/practice-idp2/auth`)).text()).toBe('the gateway');
    expect((await fetch(`${origin}/practice-idp`)).status).toBe(404);
    expect((await fetch(`${origin}/practice-idp/nothing`)).status).toBe(404);
  });

  it('names its own addresses, whatever Host says', async () => {
    const url = `${origin.replace('127.0.0.1', 'localhost')}/practice-idp/.well-known/openid-configuration`;
    const document = (await (await fetch(url)).json()) as Record<string, unknown>;
    for (const name of [
      'issuer',
      'authorization_endpoint',
      'token_endpoint',
      'jwks_uri',
      'userinfo_endpoint',
    ]) {
      expect(String(document[name]).startsWith(`${origin}/practice-idp`)).toBe(true);
    }
  });

  it('rotates refresh tokens, and the use of an old one ends them all', async () => {
    const first = await signIn('practice-ada');
    const second = await refreshTokenGrant(config, first.refresh_token ?? '');
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(second.claims()).toMatchObject({ email: 'ada@example.test', groups: ['eng'] });
    await expect(refreshTokenGrant(config, first.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    await expect(refreshTokenGrant(config, second.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });

  it('neither renews nor offers a disabled person', async () => {
    const tokens = await signIn('practice-con');
    idp.setDisabled('practice-con', true);
    await expect(refreshTokenGrant(config, tokens.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    let html = '';
    await walk(undefined, (page) => {
      html = page.html;
    });
    expect(html).toContain('practice-ada');
    expect(html).not.toContain('practice-con');
    idp.setDisabled('practice-con', false);
    expect((await refreshTokenGrant(config, tokens.refresh_token ?? '')).access_token).toEqual(
      expect.any(String),
    );
  });

  it('takes only the secret of the moment', async () => {
    const { refresh_token = '' } = await signIn('practice-ada');
    idp.setClientSecret('another practice secret, also long enough');
    await expect(refreshTokenGrant(config, refresh_token)).rejects.toMatchObject({ status: 401 });
    idp.setClientSecret(SECRET);
    expect((await refreshTokenGrant(config, refresh_token)).access_token).toEqual(expect.any(String));
  });

  it('asks again who it is at every sign-in of one browser', async () => {
    const browser = createBrowser();
    for (const person of ['practice-ada', 'practice-pat']) {
      const pages: string[] = [];
      const back = await signInWithoutBrowser(await authorizationUrl(), {
        browser,
        person,
        stopAt: `${origin}/oauth/callback`,
        onPage: ({ url }) => pages.push(new URL(url).pathname),
      });
      expect(pages).toEqual([expect.stringMatching(/^\/practice-idp\/choose\//)]);
      const tokens = await authorizationCodeGrant(config, new URL(back.url), {
        expectedState: 'state',
        expectedNonce: 'nonce',
        pkceCodeVerifier: verifier,
      });
      expect(tokens.claims()?.sub).toBe(person);
    }
  });

  it('goes back with access_denied when the sign-in is cancelled', async () => {
    const back = await walk('');
    const query = new URL(back.url).searchParams;
    expect(query.get('error')).toBe('access_denied');
    expect(query.get('iss')).toBe(idp.issuer);
    expect(query.get('state')).toBe('state');
  });

  it.each([
    ['another redirect_uri', { redirect_uri: 'http://127.0.0.1:1/elsewhere' }],
    ['another client', { client_id: 'somebody-else' }],
  ])('shows a page of its own for %s, and redirects nowhere', async (_what, parameters) => {
    const page = await signInWithoutBrowser(await authorizationUrl(parameters));
    expect(page.status).toBe(400);
    expect(page.html).toContain('For practice only');
    expect(page.html).not.toContain('elsewhere');
  });

  it('shows a page of its own for a sign-in that is not of this browser', async () => {
    for (const init of [{}, { method: 'POST', body: new URLSearchParams({ person: 'practice-ada' }) }]) {
      const answer = await fetch(`${origin}/practice-idp/choose/made-up`, init);
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain('Start again from the terminal');
    }
  });

  it('refuses a form that is far too large', async () => {
    const urls: string[] = [];
    await walk('practice-ada', (page) => urls.push(page.url));
    const answer = await fetch(urls[0] ?? '', { method: 'POST', body: `person=${'x'.repeat(100_000)}` });
    expect(answer.status).toBe(400);
  });

  it('requires PKCE', async () => {
    const url = new URL(await authorizationUrl());
    url.searchParams.delete('code_challenge');
    url.searchParams.delete('code_challenge_method');
    const back = await signInWithoutBrowser(url.href, { stopAt: `${origin}/oauth/callback` });
    expect(new URL(back.url).searchParams.get('error')).toBe('invalid_request');
  });

  it('prints nothing', () => {
    expect(printed.flatMap((spy) => spy.mock.calls)).toEqual([]);
  });
});

describe('its page', () => {
  let page: BrowserPage;
  beforeAll(async () => {
    await walk('practice-ada', (shown) => {
      page = shown;
    });
  });

  it('says that it is for practice, and offers three people', () => {
    expect(page.html).toContain('For practice only');
    expect([...page.html.matchAll(/name="person" value="practice-/g)]).toHaveLength(3);
    expect(page.html).toContain('<html lang="en">');
    expect(page.html).toContain('name="viewport"');
    expect(page.html).toContain('prefers-color-scheme:dark');
  });

  it('runs no script and asks for nothing elsewhere', () => {
    expect(page.html).not.toMatch(/<script|javascript:|@import|url\(|src=|https?:\/\//i);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    expect(page.headers.get('cache-control')).toBe('no-store');
  });

  it('has exactly the style that its policy allows', () => {
    const style = /<style>(.*?)<\/style>/s.exec(page.html)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(page.headers.get('content-security-policy')).toContain(`style-src 'sha256-${hash}'`);
  });

  it('escapes what it shows', async () => {
    const people = [{ sub: 'x', name: '<b>Eve</b>', email: '"e"@example.test', groups: ["a'b"], about: '&' }];
    const tricky = createPracticeIdp({
      origin,
      mountPath: '/tricky',
      clientId: 'sallyport',
      clientSecret: SECRET,
      redirectUri: `${origin}/oauth/callback`,
      people,
    });
    const before = idp;
    idp = tricky;
    try {
      const url = (await authorizationUrl()).replace('/practice-idp/', '/tricky/');
      let html = '';
      await signInWithoutBrowser(url, {
        stopAt: `${origin}/oauth/callback`,
        onPage: (shown) => {
          html = shown.html;
        },
      });
      expect(html).toContain('&lt;b&gt;Eve&lt;/b&gt;');
      expect(html).toContain('&quot;e&quot;@example.test, &amp; (group a&#39;b)');
    } finally {
      idp = before;
    }
  });
});
