import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { configOf, errorsOf, fileWith, printed } from './config-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function pair(name: string, algorithm: readonly string[]): { key: string; certificate: string } {
  const [key, certificate] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  const output = ['-keyout', key, '-out', certificate, '-subj', `/CN=${name}`, '-days', '30', '-nodes'];
  execFileSync('openssl', ['req', '-x509', '-newkey', ...algorithm, ...output], { stdio: 'pipe' });
  return { key: readFileSync(key, 'utf8'), certificate: readFileSync(certificate, 'utf8') };
}

const own = pair('own', ['rsa:2048']);
const other = pair('other', ['rsa:2048']);
const weak = pair('weak', ['rsa:1024']);
const elliptic = pair('elliptic', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']);
const pkcs1 = createPrivateKey(own.key).export({ type: 'pkcs1', format: 'pem' }).toString();
const encrypted = createPrivateKey(own.key)
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'p' })
  .toString();

const file = (lines: string) =>
  fileWith({ oidc: `oidc:\n  issuer: https://login.example.com\n  client_id: sallyport\n${lines}` });
const block = (pem: string) => `|\n${pem.trim().replace(/^/gm, '        ')}\n`;
const jwt = (key: string, certificate: string) =>
  file(
    `  token_endpoint_auth_method: private_key_jwt\n  client_assertion:\n    private_key_pem: ${block(key)}    certificate_pem: ${block(certificate)}`,
  );

describe('authentication at the token endpoint', () => {
  it.each([
    ['', ['oidc.client_secret is required unless token_endpoint_auth_method is private_key_jwt']],
    [
      '  token_endpoint_auth_method: client_secret_basic\n',
      ['oidc.client_secret is required unless token_endpoint_auth_method is private_key_jwt'],
    ],
    ['  token_endpoint_auth_method: client_secret_post\n  client_secret: s\n', []],
    ['  token_endpoint_auth_method: client_secret_jwt\n', [expect.stringContaining('must be one of')]],
    [
      '  token_endpoint_auth_method: private_key_jwt\n',
      ['oidc.client_assertion is required with token_endpoint_auth_method: private_key_jwt'],
    ],
    [
      '  token_endpoint_auth_method: private_key_jwt\n  client_secret: s\n',
      [
        'oidc.client_assertion is required with token_endpoint_auth_method: private_key_jwt',
        'oidc.client_secret is not possible with token_endpoint_auth_method: private_key_jwt',
      ],
    ],
    [
      '  client_secret: ""\n',
      ['oidc.client_secret must be the secret that the identity provider gave, found an empty string'],
    ],
  ])('is judged: %j', (lines, errors) => {
    expect(errorsOf(file(lines)).sort()).toEqual(errors);
  });

  it('takes a key and a certificate that belong together', () => {
    for (const key of [own.key, pkcs1]) {
      const { client_assertion } = configOf(jwt(key, own.certificate)).oidc;
      expect(client_assertion?.private_key_pem.reveal().trim()).toBe(key.trim());
      expect(String(client_assertion?.private_key_pem)).toBe('[secret]');
    }
  });

  it.each([
    ['another key', other.key, own.certificate, 'certificate_pem does not belong to private_key_pem'],
    ['a short key', weak.key, weak.certificate, 'private_key_pem must be an RSA key of at least 2048 bits'],
    ['another kind of key', elliptic.key, elliptic.certificate, 'must be PEM text of an unencrypted RSA key'],
    ['an encrypted key', encrypted, own.certificate, 'must be PEM text of an unencrypted RSA key'],
    ['a chain', own.key, own.certificate + other.certificate, 'must be PEM text of exactly one certificate'],
    ['no certificate', own.key, 'nothing', 'must be PEM text of exactly one certificate'],
    [
      'a broken certificate',
      own.key,
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
      'must be a certificate that can be read',
    ],
  ])('refuses %s', (_what, key, certificate, words) => {
    const errors = errorsOf(jwt(key, certificate));
    expect(errors).toEqual([expect.stringContaining(words)]);
    expect(errors[0]).toMatch(/^oidc\.client_assertion\./);
  });

  it('shows nothing of a key', () => {
    const text = jwt(weak.key, own.certificate);
    const [, line = ''] = weak.key.split('\n');
    expect(text).toContain(line);
    expect(printed(text)).not.toContain(line.slice(0, 12));
  });

  it('has no use for an assertion without its method', () => {
    const lines = `  client_secret: s\n  client_assertion: {private_key_pem: ${JSON.stringify(own.key)}, certificate_pem: ${JSON.stringify(own.certificate)}}\n`;
    expect(errorsOf(file(lines))).toEqual([
      'oidc.client_assertion is used only with token_endpoint_auth_method: private_key_jwt',
    ]);
  });
});

describe('oidc.ca_cert_pem', () => {
  const withCa = (pem: string) => file(`  client_secret: s\n  ca_cert_pem: ${block(pem)}`);

  it('takes one certificate or several', () => {
    expect(errorsOf(withCa(own.certificate))).toEqual([]);
    expect(errorsOf(withCa(own.certificate + other.certificate))).toEqual([]);
  });

  it('refuses a key, and a certificate that cannot be read', () => {
    const { privateKey } = generateKeyPairSync('ed25519', {
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    for (const pem of [
      privateKey,
      `${own.certificate}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----`,
    ])
      expect(errorsOf(withCa(pem))[0]).toContain('must be PEM text whose certificates can all be read');
  });
});
