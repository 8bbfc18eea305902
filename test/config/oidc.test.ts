import { describe, expect, it } from 'vitest';
import { adviceOf, configOf, errorsOf, fileWith, warningsOf } from './config-file.ts';

const BASE = 'oidc:\n  issuer: https://login.example.com\n  client_id: sallyport\n  client_secret: s\n';
const oidc = (lines = '') => fileWith({ oidc: BASE + lines });

describe('oidc', () => {
  it('has defaults', () => {
    expect(configOf(oidc()).oidc).toMatchObject({
      groups_claim: 'groups',
      email_claim: 'email',
      scopes: ['openid', 'profile', 'email', 'offline_access'],
      scope_on_refresh: false,
      extra_auth_params: {},
      userinfo_fallback: false,
      use_pkce: true,
      clock_skew_seconds: 0,
      id_token_signed_response_alg: 'RS256',
      additional_authorized_parties: [],
      form_action_origins: [],
    });
    expect(configOf(oidc()).oidc.use_proxy).toBeUndefined();
  });

  it('takes everything it knows', () => {
    const lines = `  allowed_email_domains: [example.com, "@Example.org"]
  allowed_groups: [claude-users]
  groups_claim: /realm_access/roles
  google_groups: { service_account_json_path: /run/key.json, admin_email: admin@example.com }
  email_claim: [email, /a~1b/c]
  scopes: [openid, offline_access]
  scope_on_refresh: true
  extra_auth_params: { prompt: consent, max_age: 3600, fresh: true }
  userinfo_fallback: true
  use_pkce: false
  clock_skew_seconds: 30
  token_endpoint_auth_method: client_secret_post
  id_token_signed_response_alg: EdDSA
  additional_authorized_parties: [other]
  discovery_url: https://login.example.com/x/.well-known/openid-configuration
  use_proxy: false
  form_action_origins: [https://sso.example.com]
  login_notice: Authorised use only
`;
    const { oidc: read } = configOf(oidc(lines));
    expect(read.extra_auth_params).toEqual({ prompt: 'consent', max_age: '3600', fresh: 'true' });
    expect(read.email_claim).toEqual(['email', '/a~1b/c']);
  });

  it.each([
    'login.example.com',
    'https://login.example.com?x=1',
    'https://u:p@login.example.com',
    'file:///x',
  ])('refuses the issuer %s', (issuer) => {
    const text = fileWith({ oidc: `oidc:\n  issuer: ${issuer}\n  client_id: a\n  client_secret: s\n` });
    expect(errorsOf(text)).toEqual([
      expect.stringMatching(/^oidc\.issuer must be an absolute https:\/\/ URL/),
    ]);
  });

  it('writes out the scheme that an issuer lacks', () => {
    const text = fileWith({
      oidc: 'oidc:\n  issuer: login.example.com/a\n  client_id: a\n  client_secret: s\n',
    });
    expect(adviceOf(text)[0]).toContain('; write https://login.example.com/a');
  });

  it('warns of an issuer without TLS', () => {
    const text = fileWith({
      oidc: 'oidc:\n  issuer: http://login.example.com\n  client_id: a\n  client_secret: s\n',
    });
    expect(warningsOf(text)).toEqual([expect.stringContaining('oidc.issuer is plain http')]);
  });

  it.each([
    ['  discovery_url: https://login.example.com/openid-configuration\n', 'whose path holds /.well-known/'],
    ['  discovery_url: https://login.example.com/#/.well-known/x\n', 'must be an absolute https:// URL'],
    ['  clock_skew_seconds: -1\n', 'must be a whole number from 0 to 3600, found -1'],
    ['  clock_skew_seconds: 1.5\n', 'must be a whole number from 0 to 3600, found 1.5'],
    ['  id_token_signed_response_alg: HS256\n', 'must be one of RS256, ES256, PS256, EdDSA, found "HS256"'],
    ['  id_token_signed_response_alg: none\n', 'must be one of RS256'],
    ['  use_proxy: sometimes\n', 'must be true or false'],
    ['  use_pkce: 1\n', 'must be true or false, found 1'],
    ['  groups_claim: /a~2\n', 'in which ~ stands only as ~0 or ~1'],
    ['  email_claim: []\n', 'must name at least one claim'],
    ['  email_claim: [email, 3]\n', 'oidc.email_claim[1] must be the name of a claim'],
    ['  email_claim: {}\n', 'must be the name of a claim or a list of names'],
    ['  allowed_email_domains: [a@b.example]\n', 'oidc.allowed_email_domains[0] must be one email domain'],
    ['  allowed_email_domains: example.com\n', 'must be a list of email domains, found "example.com"'],
    ['  allowed_groups: [""]\n', 'oidc.allowed_groups[0] must be the name of a group, and not empty'],
    ['  form_action_origins: [https://a.example/path]\n', 'oidc.form_action_origins[0] must be an origin'],
    [
      '  google_groups: { admin_email: a@example.com }\n',
      'oidc.google_groups.service_account_json_path is required',
    ],
    [`  login_notice: ${'x'.repeat(501)}\n`, 'must be a text of at most 500 characters'],
    ['  ca_cert_pem: nonsense\n', 'must be PEM text whose certificates can all be read'],
  ])('refuses %j', (lines, words) => {
    const errors = errorsOf(oidc(lines));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(words);
  });

  it('counts the characters of a notice as readers do', () => {
    expect(errorsOf(oidc(`  login_notice: ${'🔑'.repeat(500)}\n`))).toEqual([]);
  });

  it.each([
    'state',
    'nonce',
    'redirect_uri',
    'code_challenge',
    'code_challenge_method',
    'scope',
    'response_type',
    'response_mode',
    'client_id',
    'State',
  ])('keeps the parameter %s to itself', (name) => {
    expect(errorsOf(oidc(`  extra_auth_params: { ${name}: x, prompt: login }\n`))).toEqual([
      `oidc.extra_auth_params.${name} is set by the gateway itself`,
    ]);
  });
});

describe('oidc.scopes', () => {
  it('must hold openid', () => {
    expect(errorsOf(oidc('  scopes: [profile, offline_access]\n'))).toEqual(['oidc.scopes must hold openid']);
  });

  it('are single words', () => {
    expect(errorsOf(oidc('  scopes: ["openid profile"]\n'))).toEqual([
      'oidc.scopes[0] must be one scope, without blanks, found "openid profile"',
    ]);
    expect(errorsOf(oidc('  scopes: openid profile\n'))).toEqual([
      'oidc.scopes must be a list of scopes, found "openid profile"',
    ]);
  });

  it('warn without offline_access, unless access is offline in another way', () => {
    expect(warningsOf(oidc('  scopes: [openid]\n'))).toEqual([
      expect.stringContaining('oidc.scopes lacks offline_access'),
    ]);
    expect(warningsOf(oidc('  scopes: [openid]\n  extra_auth_params: { access_type: offline }\n'))).toEqual(
      [],
    );
  });
});

describe('who may sign in', () => {
  it.each(['allowed_email_domains', 'allowed_groups'])(
    'is nobody when %s is empty, and that is a warning',
    (key) => {
      expect(warningsOf(oidc(`  ${key}: []\n`))).toEqual([`oidc.${key} is empty: nobody can sign in`]);
    },
  );
});
