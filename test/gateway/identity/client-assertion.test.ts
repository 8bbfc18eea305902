import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type ClientAssertionOptions,
  createClientAssertion,
} from '../../../src/gateway/identity/client-assertion.ts';
import { secret } from '../../../src/kernel/secret.ts';
import { ADA, createTestClock, createTestLog, publicJwk, startWorld } from './openid-world.ts';

const DAY_MS = 24 * 60 * 60_000;
const folder = mkdtempSync(join(tmpdir(), 'sallyport-assertion-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function selfSigned(name: string, subject = `/CN=${name}/O=Example`, newKey = 'rsa:2048') {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const files = ['-keyout', key, '-out', cert, '-days', '90'];
  execFileSync('openssl', ['req', '-x509', '-newkey', newKey, '-nodes', ...files, '-subj', subject], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

const gateway = selfSigned('gateway client');
const other = selfSigned('other');
const privateKey = createPrivateKey(gateway.key);
const pkcs1 = privateKey.export({ format: 'pem', type: 'pkcs1' }).toString();
const certificate = new X509Certificate(gateway.cert);
const usable: ClientAssertionOptions = { privateKeyPem: secret(gateway.key), certificatePem: gateway.cert };

function create(options: Partial<ClientAssertionOptions> = {}, aheadMs = 0) {
  const clock = createTestClock();
  clock.advance(aheadMs);
  const log = createTestLog();
  return { sign: createClientAssertion({ ...usable, ...options }, { clock, log }), log };
}

describe('a client assertion', () => {
  it.each([
    ['PKCS#8', gateway.key, /^-----BEGIN PRIVATE KEY/],
    ['PKCS#1', pkcs1, /^-----BEGIN RSA PRIVATE KEY/],
  ])('is signed with a key in %s', async (_form, pem, kind) => {
    expect(pem).toMatch(kind);
    const assertion = await create({ privateKeyPem: secret(pem) }).sign(
      'gateway',
      'https://idp.example.test/t',
    );
    const { payload } = await jwtVerify(assertion, certificate.publicKey, { algorithms: ['RS256'] });
    expect(payload).toMatchObject({ iss: 'gateway', sub: 'gateway', aud: 'https://idp.example.test/t' });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
  });

  it('names the certificate by both thumbprints and by no kid', async () => {
    const header = decodeProtectedHeader(await create().sign('gateway', 'https://idp.example.test/t'));
    expect(header).toEqual({
      alg: 'RS256',
      typ: 'JWT',
      x5t: createHash('sha1').update(certificate.raw).digest('base64url'),
      'x5t#S256': createHash('sha256').update(certificate.raw).digest('base64url'),
    });
  });

  it('is used once', async () => {
    const { sign } = create();
    const ids = await Promise.all([sign('a', 'https://b.test'), sign('a', 'https://b.test')]);
    expect(new Set(ids.map((assertion) => decodeJwt(assertion).jti)).size).toBe(2);
  });

  it('signs the gateway in at a provider that verifies it', async () => {
    const key = await publicJwk(privateKey, { alg: 'RS256' });
    const clientMetadata = {
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'RS256',
      jwks: { keys: [key] },
    } as const;
    const world = await startWorld(
      { tokenEndpointAuthMethod: 'private_key_jwt', clientSecret: undefined, clientAssertion: usable },
      { idp: { clientMetadata } },
    );
    try {
      const { claims, refreshToken = '' } = await world.signIn();
      expect(claims.sub).toBe(ADA);
      expect((await world.provider.refresh({ refreshToken, claims })).claims.sub).toBe(ADA);
      const form = world.idp.requests.find(({ path }) => path === '/token')?.form;
      expect(form?.get('client_assertion_type')).toBe(
        'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      );
      expect(form?.has('client_secret')).toBe(false);
      expect(world.log.lines.join('\n')).not.toContain(form?.get('client_assertion'));
    } finally {
      await world.close();
    }
  });
});

describe('the certificate', () => {
  it('is announced with name, thumbprint and end', () => {
    const { log } = create();
    const thumbprint = certificate.fingerprint.replaceAll(':', '');
    expect(log.at('info')).toEqual([
      `info client certificate for the identity provider: gateway client, SHA-1 thumbprint ${thumbprint}, valid until ${certificate.validToDate.toISOString()}`,
    ]);
    expect(log.at('warn')).toEqual([]);
  });

  it.each([
    ['in its last 30 days', 61 * DAY_MS, /expires in 2\d days/],
    ['after its end', 91 * DAY_MS, /expired at/],
    ['before its begin', -DAY_MS, /is not valid before/],
  ])('%s is a warning and no more', (_when, aheadMs, words) => {
    const { log } = create({}, aheadMs);
    expect(log.at('warn')).toEqual([expect.stringMatching(words)]);
  });

  it('may have an empty subject', () => {
    const { key, cert } = selfSigned('empty', '/');
    const { log } = create({ privateKeyPem: secret(key), certificatePem: cert });
    expect(log.at('info')[0]).toContain('without a common name');
  });
});

describe('a pair that cannot work', () => {
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({
    format: 'pem',
    type: 'pkcs8',
  });
  const curve = selfSigned('curve', '/CN=curve', 'ed25519');
  const locked = privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' });

  it.each<[string, Partial<ClientAssertionOptions>, RegExp]>([
    ['no key', { privateKeyPem: secret('not a key') }, /private_key_pem: it is not an unencrypted/],
    [
      'an encrypted key',
      { privateKeyPem: secret(String(locked)) },
      /private_key_pem: it is not an unencrypted/,
    ],
    ['a short key', { privateKeyPem: secret(String(short)) }, /private_key_pem: it must be an RSA key/],
    ['a key that is not RSA', { privateKeyPem: secret(curve.key) }, /private_key_pem: it must be an RSA key/],
    ['no certificate', { certificatePem: 'text' }, /certificate_pem: it must hold exactly one/],
    ['a chain', { certificatePem: gateway.cert + other.cert }, /certificate_pem: it must hold exactly one/],
    [
      'a garbled certificate',
      { certificatePem: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
      /certificate_pem: it cannot be read/,
    ],
    ["another key's certificate", { certificatePem: other.cert }, /certificate_pem: it does not belong/],
  ])('with %s keeps the gateway from starting', (_what, options, words) => {
    expect(() => create(options)).toThrow(words);
    expect(() => create(options)).toThrow(/^idp_misconfigured: oidc\.client_assertion\./);
  });
});
