import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createOpenIdProvider,
  type OpenIdProviderOptions,
} from '../../../src/gateway/identity/openid-provider.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { CodedError } from '../../../src/kernel/coded-error.ts';
import { startOidcProvider, type TestProvider } from '../../support/oidc-provider.ts';
import { createTestLog, failureOf, providerOptions, type TestLog } from './openid-world.ts';

const DOCUMENT = '/.well-known/openid-configuration';

let idp: TestProvider;
let log: TestLog;

beforeEach(async () => {
  idp = await startOidcProvider();
  log = createTestLog();
});
afterEach(() => idp.close());

const create = (overrides: Partial<OpenIdProviderOptions> = {}, guardedFetch: typeof fetch = fetch) =>
  createOpenIdProvider(
    { ...providerOptions(idp), ...overrides },
    { fetch: guardedFetch, clock: systemClock, log },
  );

const changed = (change: Record<string, unknown>) =>
  idp.intercept(DOCUMENT, async (_request, original) => {
    const answer = await original();
    return { ...answer, body: { ...answer.body, ...change } };
  });

describe('discovery', () => {
  it('takes the document from discovery_url, and the issuer must still be the configured one', async () => {
    const discoveryUrl = `${idp.issuer}${DOCUMENT}`;
    expect((await create({ discoveryUrl })).issuer).toBe(idp.issuer);
    expect(await failureOf(create({ discoveryUrl, issuer: `${idp.origin}/other` }))).toMatchObject({
      code: 'idp_misconfigured',
      detail: expect.stringMatching(/oidc\.discovery_url: issuer mismatch/),
    });
  });

  it('names both issuers when they differ', async () => {
    changed({ issuer: 'https://real.example.test' });
    expect(await failureOf(create())).toMatchObject({
      code: 'idp_misconfigured',
      detail: expect.stringMatching(
        new RegExp(
          `oidc\\.issuer: issuer mismatch: .*https://real\\.example\\.test, oidc\\.issuer ${idp.issuer};`,
        ),
      ),
    });
  });

  it('forgives the slash of an empty path', async () => {
    changed({ issuer: `${idp.origin}/` });
    const discoveryUrl = `${idp.issuer}${DOCUMENT}`;
    expect((await create({ discoveryUrl, issuer: idp.origin })).issuer).toBe(`${idp.origin}/`);
  });

  it.each(['authorization_endpoint', 'token_endpoint', 'jwks_uri'])('names a missing %s', async (name) => {
    changed({ [name]: undefined });
    expect(await failureOf(create())).toMatchObject({
      code: 'idp_misconfigured',
      detail: expect.stringContaining(`garbles ${name}`),
    });
  });

  it.each(['javascript:alert(1)', 'file:///etc/passwd', 'not a url'])(
    'refuses the endpoint %s',
    async (url) => {
      changed({ authorization_endpoint: url });
      expect(await failureOf(create())).toMatchObject({ code: 'idp_misconfigured' });
    },
  );

  it('refuses plain http endpoints of an https issuer', async () => {
    const issuer = 'https://idp.example.test';
    const document = { issuer, authorization_endpoint: `${issuer}/a`, jwks_uri: `${issuer}/k` };
    const answering = async () => Response.json({ ...document, token_endpoint: 'http://idp.example.test/t' });
    expect(await failureOf(create({ issuer }, answering))).toMatchObject({
      code: 'idp_misconfigured',
      detail: expect.stringContaining('plain http'),
    });
  });

  it.each<[number, string]>([
    [404, 'idp_misconfigured'],
    [301, 'idp_misconfigured'],
    [503, 'idp_unreachable'],
  ])('answered with %d is %s', async (status, code) => {
    idp.intercept(DOCUMENT, () => ({ status, body: {} }));
    expect(await failureOf(create())).toMatchObject({
      code,
      detail: expect.stringMatching(new RegExp(`oidc\\.issuer.*HTTP ${status}`)),
    });
  });

  it('that is no JSON is a misconfiguration', async () => {
    const html = async () => new Response('<html>', { headers: { 'content-type': 'text/html' } });
    expect(await failureOf(create({}, html))).toMatchObject({
      code: 'idp_misconfigured',
      detail: expect.stringContaining('no discovery document'),
    });
  });

  it('of a provider that is gone is unreachable, with the setting and the address', async () => {
    const port = Number(new URL(idp.origin).port);
    await idp.close();
    expect(await failureOf(create())).toMatchObject({
      code: 'idp_unreachable',
      detail: expect.stringMatching(new RegExp(`oidc\\.issuer .*:${port}/.*cannot be reached`)),
    });
    idp = await startOidcProvider();
  });

  it('says which address the outbound guard refused', async () => {
    const detail = 'ECONNREFUSED_SSRF: 127.0.0.1 (127.0.0.1) is a loopback address';
    const guarded = async () => {
      throw new TypeError('fetch failed', { cause: new CodedError('address_refused', { detail }) });
    };
    expect(await failureOf(create({}, guarded))).toMatchObject({
      code: 'idp_unreachable',
      detail: expect.stringContaining(detail),
    });
  });

  it('points to ca_cert_pem when the certificate is not trusted', async () => {
    const cause = Object.assign(new Error('x'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' });
    const untrusting = async () => {
      throw new TypeError('fetch failed', { cause });
    };
    expect(await failureOf(create({}, untrusting))).toMatchObject({
      code: 'idp_unreachable',
      detail: expect.stringContaining('oidc.ca_cert_pem'),
    });
  });

  it('that never comes is given up', async () => {
    idp.intercept(DOCUMENT, () => undefined);
    expect(await failureOf(create({ budgets: { discoveryMs: 100 } }))).toMatchObject({
      code: 'idp_unreachable',
      detail: expect.stringContaining(`oidc.issuer ${idp.issuer}${DOCUMENT} timed out after 100ms; `),
    });
  });
});

describe('the set-up', () => {
  it('needs a userinfo endpoint for the fallback', async () => {
    changed({ userinfo_endpoint: undefined });
    await create();
    expect(await failureOf(create({ userinfoFallback: true }))).toMatchObject({
      code: 'idp_misconfigured',
      detail: expect.stringContaining('oidc.userinfo_fallback'),
    });
  });

  it('warns when the provider does not announce the expected algorithm', async () => {
    await create({ idTokenSignedResponseAlg: 'ES256' });
    expect(log.at('warn')).toContainEqual(
      expect.stringContaining('oidc.id_token_signed_response_alg is ES256'),
    );
  });

  it.each(['none', 'HS256', 'RS1'])('takes no algorithm %s', async (algorithm) => {
    expect(await failureOf(create({ idTokenSignedResponseAlg: algorithm as 'RS256' }))).toMatchObject({
      code: 'idp_misconfigured',
      detail: expect.stringContaining('oidc.id_token_signed_response_alg'),
    });
  });

  it.each<[readonly string[] | undefined, string | undefined]>([
    [undefined, 'authorization'],
    [['client_secret_post', 'client_secret_basic'], 'authorization'],
    [['client_secret_post'], 'form'],
    [['private_key_jwt'], undefined],
  ])('negotiates client authentication from %j', async (offered, way) => {
    changed({ token_endpoint_auth_methods_supported: offered });
    if (way === undefined) {
      expect(await failureOf(create())).toMatchObject({
        code: 'idp_misconfigured',
        detail: expect.stringContaining('oidc.token_endpoint_auth_method'),
      });
      return;
    }
    const provider = await create();
    await failureOf(
      provider.refresh({
        refreshToken: 'unknown',
        claims: { sub: 's', email: undefined, name: undefined, groups: [] },
      }),
    );
    const asked = idp.requests.at(-1);
    expect(asked?.headers.authorization !== undefined).toBe(way === 'authorization');
    expect(asked?.form.has('client_secret')).toBe(way === 'form');
  });

  it('needs a client secret', async () => {
    expect(await failureOf(create({ clientSecret: undefined }))).toMatchObject({
      code: 'idp_misconfigured',
      detail: expect.stringContaining('oidc.client_secret'),
    });
  });
});
