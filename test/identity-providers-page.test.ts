import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { checkExample, yamlBlocksOf } from './support/example-config.ts';

const page = readFileSync(fileURLToPath(new URL('../docs/identity-providers.md', import.meta.url)), 'utf8');
const [base = '', ...recipes] = yamlBlocksOf(page);

const folder = mkdtempSync(join(tmpdir(), 'sallyport-client-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The key and the certificate that a recipe reads from files. */
const [key, certificate] = [join(folder, 'oidc-client.key'), join(folder, 'oidc-client.crt')];
execFileSync(
  'openssl',
  [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    key,
    '-out',
    certificate,
    '-subj',
    '/CN=sallyport',
  ],
  { stdio: 'pipe' },
);
const readSecret = (path: string) => readFileSync(path.endsWith('.key') ? key : certificate, 'utf8');

function oidcOf(recipe: string) {
  const result = checkExample('gateway.yaml', stringify({ ...parse(base), ...parse(recipe) }), readSecret);
  if (result.kind !== 'valid') throw new Error(JSON.stringify(result));
  expect(result.warnings).toEqual([]);
  return result.config.oidc;
}

describe('docs/identity-providers.md', () => {
  it('begins with a whole file', () => {
    expect(checkExample('gateway.yaml', base)).toMatchObject({ kind: 'valid', warnings: [] });
  });

  it.each(recipes)(
    'has recipes that load without a warning, renew sessions and do not let everybody in: %#',
    (recipe) => {
      const oidc = oidcOf(recipe);
      expect(
        oidc.scopes.includes('offline_access') || oidc.extra_auth_params['access_type'] === 'offline',
      ).toBe(true);
      expect([...(oidc.allowed_email_domains ?? []), ...(oidc.allowed_groups ?? [])]).not.toEqual([]);
    },
  );

  it('has one for every provider that it lists', () => {
    const issuers = recipes.map((recipe) => new URL(oidcOf(recipe).issuer).hostname);
    expect([...new Set(issuers)]).toEqual([
      'acme.okta.com',
      'login.microsoftonline.com',
      'accounts.google.com',
      'sso.corp.example.com',
      'dex.corp.example.com',
    ]);
  });

  it('names reasons that a sign-in can be refused for', () => {
    const identity = ['admission.ts', 'claims.ts'].map((file) =>
      readFileSync(fileURLToPath(new URL(`../src/gateway/identity/${file}`, import.meta.url)), 'utf8'),
    );
    for (const reason of ['groups_overage', 'email_not_verified']) {
      expect(page).toContain(`\`${reason}\``);
      expect(identity.join('\n')).toContain(`'${reason}'`);
    }
  });
});
