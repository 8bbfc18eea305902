import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { gatewayJsonSchema } from '../../src/config/json-schema.ts';
import { check, configOf, fileWith, SECRET, warningsOf } from './config-file.ts';

/** Every key of this version, but for those that exclude others. */
const EVERYTHING = `
listen:
  host: 0.0.0.0
  port: \${PORT}
  public_url: https://claude-gateway.corp.example.com
  tls: { cert: /etc/sallyport/tls.crt, key: /etc/sallyport/tls.key }
  trusted_proxies: [10.1.0.0/16, "fd00::1"]
  keep_alive_seconds: 620
oidc:
  issuer: https://login.example.com
  client_id: \${OIDC_CLIENT_ID}
  client_secret: \${file:/run/secrets/oidc}
  token_endpoint_auth_method: client_secret_post
  allowed_email_domains: [example.com]
  allowed_groups: [claude-users]
  groups_claim: /realm_access/roles
  google_groups: { service_account_json_path: /run/key.json, admin_email: admin@example.com }
  email_claim: [email, upn]
  scopes: [openid, profile, email, offline_access]
  scope_on_refresh: true
  extra_auth_params: { prompt: consent }
  userinfo_fallback: true
  use_pkce: true
  clock_skew_seconds: 5
  id_token_signed_response_alg: ES256
  additional_authorized_parties: [other-client]
  discovery_url: https://login.example.com/tenant/.well-known/openid-configuration
  use_proxy: false
  form_action_origins: [https://sso.example.com]
  login_notice: Authorised use only.
session:
  jwt_secret: ["\${NEW_SECRET}", "\${OLD_SECRET}"]
  ttl_hours: 1
  refresh_ttl_days: 30
store:
  postgres_url: \${DATABASE_URL}
  username: sallyport
  password: \${file:/run/secrets/db}
  max_connections: 5
  connect_timeout_seconds: 5
  readiness_grace_seconds: 30
  prepared_statements: false
  spool_dir: /var/spool/sallyport
upstreams:
  - provider: anthropic
    name: direct
    auth: { api_key: "\${ANTHROPIC_API_KEY}" }
    models: ["claude-*"]
    priority: 1
    weight: 2
    strip: false
    max_connections: 100
  - provider: anthropic
    name: house
    base_url: https://llm.corp.example.com
    auth: { oauth_token: "\${TOKEN}" }
    headers: { x-cost-centre: "\${COST_CENTRE}" }
    priority: 2
    forward_user_identity: true
    strip: auto
  - provider: anthropic
    name: federated
    auth:
      federation_rule_id: fdrl_01
      organization_id: 00000000-0000-4000-8000-000000000000
      identity_token_file: /var/run/secrets/anthropic/token
      workspace_id: wrkspc_01
      service_account_id: svac_01
    priority: 3
  - provider: bedrock
    region: eu-west-1
    auth: { aws_access_key_id: "\${AWS_KEY}", aws_secret_access_key: "\${AWS_SECRET}", aws_session_token: "\${TOKEN}" }
    guardrail: { id: gr4f1k2m9x0a, version: "3" }
    assume_role: { role_arn: arn:aws:iam::123456789012:role/x, external_id: sallyport, session_name: email }
    priority: 4
  - provider: bedrock
    name: bedrock-us
    base_url: https://bedrock-runtime-fips.us-east-1.amazonaws.com
    auth: { aws_bearer_token: "\${TOKEN}" }
    guardrail: { id: gr4f1k2m9x0a, version: DRAFT }
    priority: 5
  - provider: anthropicAws
    region: us-west-2
    workspace_id: wrkspc_01
    priority: 6
  - provider: vertex
    region: global
    project_id: acme-ai
    auth: { service_account_json: /run/secrets/vertex.json }
    priority: 7
  - provider: foundry
    resource: acme
    auth: { use_azure_ad: true, scope: https://ai.azure.us/.default }
    priority: 8
models:
  - id: house-model
    label: House
    description: Runs in the house
    upstream_model: { house: internal-name }
auto_include_builtin_models: true
unknown_models: forward
managed:
  unknown_keys: error
  policies:
    - match: { groups: [contractors], email_domain: example.com }
      cli:
        availableModels: [haiku]
        availableModelsMatch: prefix
        deniedModels: [claude-3-5-haiku]
        model: haiku
        enforceAvailableModels: true
        env: { HTTP_PROXY: "" }
        permissions: { deny: [WebFetch] }
    - match: {}
      desktop: { disableAutoUpdates: true }
rate_limits:
  device_authorization: { max: 30, window_seconds: 600 }
  device_verify: { max: 10, window_seconds: 600 }
limits:
  max_request_bytes: 33554432
  max_request_header_bytes: 65536
  max_url_length: 8192
  max_buffered_bytes: 1073741824
  max_telemetry_bytes: 4194304
  per_developer: { concurrent: 20, requests_per_minute: 300 }
timeouts: { upstream_ttfb_ms: 120000, upstream_idle_ms: 600000 }
access_control: { allow_cidrs: [10.0.0.0/8], deny_cidrs: [10.66.0.0/16] }
shutdown: { delay_seconds: 10, grace_seconds: 600 }
metrics: { listen: "127.0.0.1:9464" }
telemetry:
  forward_to:
    - url: https://otel.corp.example.com/otlp
      headers: { authorization: "Bearer \${TOKEN}" }
      metrics: true
      logs: true
      traces: true
    - { url: https://telemetry.googleapis.com, auth: { google: {} } }
  queue_bytes: 67108864
  resource_attributes: { deployment.environment: production }
log: { audit: "file:/var/log/audit.jsonl", format: json, on_audit_failure: refuse }
load_test_mode: { enabled: false, reply_tokens: 750, reply_seconds: 9.5 }
`;

const inputs = {
  env: {
    PORT: '8443',
    OIDC_CLIENT_ID: 'sallyport',
    NEW_SECRET: SECRET,
    OLD_SECRET: 'aT0m7lJrZ2yXK4oQdN8uVbWcEfGhIkLpRsTxYz13579A',
    DATABASE_URL: 'postgres://db.corp.example.com/sallyport?sslmode=verify-full',
    ANTHROPIC_API_KEY: 'k',
    TOKEN: 't',
    AWS_KEY: 'AKIAIOSFODNN7EXAMPLE',
    AWS_SECRET: 's',
    COST_CENTRE: '42',
    OIDC_CLIENT_SECRET: 'a',
    SALLYPORT_JWT_SECRET: SECRET,
  },
  files: { '/run/secrets/oidc': 'oidc-secret\n', '/run/secrets/db': 'db-password\n' },
};

describe('a file with every key of this version', () => {
  it('is valid, with a warning for each key that nothing acts on, and no other', () => {
    expect(check(EVERYTHING, inputs)).toMatchObject({ kind: 'valid' });
    expect(warningsOf(EVERYTHING, inputs)).toEqual(
      ['store.spool_dir'].map((key) => `${key} is accepted, but nothing in this version acts on it`),
    );
  });

  it('leaves none out', () => {
    const exclusive = new Set([
      'embedded',
      'client_assertion',
      'private_key_pem',
      'certificate_pem',
      'ca_cert_pem',
      'settings',
      'code',
    ]);
    const missing = keysOf(gatewayJsonSchema()).filter(
      (key) => !exclusive.has(key) && !new RegExp(`\\b${key}:`).test(EVERYTHING),
    );
    expect(missing).toEqual([]);
  });

  it('is frozen at every level', () => {
    const thawed: string[] = [];
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      if (!Object.isFrozen(value)) thawed.push(path);
      for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`);
    };
    visit(configOf(EVERYTHING, inputs), '');
    expect(thawed).toEqual([]);
  });
});

describe('the example of the README', () => {
  const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');
  const [, block = ''] = /```yaml\n([\s\S]*?)```/.exec(readme) ?? [];
  const text = block.replace(/^ {3}/gm, '');

  it('is valid', () => {
    expect(text).toContain('public_url:');
    expect(check(text, inputs).kind).toBe('valid');
  });
});

describe('the smallest file', () => {
  it('is valid, without a warning', () => {
    expect(check(fileWith())).toMatchObject({ kind: 'valid', warnings: [] });
    expect(warningsOf(fileWith())).toEqual([]);
  });
});

/** Names of all properties but those of the clients' settings. */
function keysOf(schema: object): string[] {
  const found: string[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      if (name === '$defs') continue;
      if (name === 'properties') found.push(...Object.keys(inner));
      visit(inner);
    }
  };
  visit(schema);
  return [...new Set(found)];
}
