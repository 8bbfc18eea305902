import { describe, expect, it } from 'vitest';
import { printed, problemsOf } from './config-file.ts';

const TEN = `listen:
  prot: 8443
  public_url: https://gw.example.com
oidc:
  issuer: https://login.example.com
  client_id: \${CLIENT_ID}
  client_secret: hunter2-client-secret
  scopes: [profile, offline_access]
session:
  jwt_secret: hunter2-too-short
store:
  postgres_url: postgres://app:hunter2-pw@db1,db2/app
upstreams:
  - provider: anthropic
    auth:
      api_key: hunter2-api-key
    headers:
      x-api-key: hunter2-header
managed:
  policies:
    - match: { groups: [] }
    - match: {}
      cli:
        avaliableModels: [opus]
access_control:
  allow_cidrs: [10.0.0.0/8, 10.0.0.300]
rate_limits:
  device_verify:
    max: 0
`;

const NAMED = [
  '2:3 listen.prot',
  '6:14 oidc.client_id',
  '8:3 oidc.scopes',
  '10:15 session.jwt_secret',
  '12:17 store.postgres_url',
  '18:18 upstreams[0].headers.x-api-key',
  '21:24 managed.policies[0].match.groups',
  '24:9 managed.policies[1].cli.avaliableModels',
  '26:29 access_control.allow_cidrs[1]',
  '29:10 rate_limits.device_verify.max',
];

const TWENTY = `${TEN}limits:
  max_request_bytes: 32MiB
timeouts:
  upstream_ttfb: 1000
shutdown: { delay_seconds: -1 }
log:
  audit: syslog
  format: jsn
telemetry: { queue_bytes: 0 }
models:
  - id: house
    upstream_model: { antropic: x }
  - label: no id
unknown_models: allow
load_test_mode: { enabled: true }
`;

describe('ten different mistakes', () => {
  const problems = problemsOf(TEN);

  it('are named in one run, each at its line and column', () => {
    expect(problems.map(({ line, column, path }) => `${line}:${column} ${path}`)).toEqual(NAMED);
    expect(problems.every(({ severity }) => severity === 'error')).toBe(true);
  });

  it('say what is allowed or what to do, each of them', () => {
    for (const { message, hint } of problems)
      expect(`${message}; ${hint}`).toMatch(/must |did you mean|set |write |one host|it takes one/);
  });

  it('are printed with their lines, and with no secret', () => {
    const text = printed(TEN);
    for (const place of NAMED) {
      const [position, path] = place.split(' ');
      expect(text).toContain(`gateway.yaml:${position} error ${path} `);
    }
    expect(text).not.toContain('hunter2');
    expect(text.match(/^ *\^$/gm)).toHaveLength(10);
  });
});

describe('twenty', () => {
  it('are named in one run as well', () => {
    const found = problemsOf(TWENTY).map(({ line, column, path }) => `${line}:${column} ${path}`);
    expect(found).toEqual([
      ...NAMED,
      '31:22 limits.max_request_bytes',
      '33:3 timeouts.upstream_ttfb',
      '34:28 shutdown.delay_seconds',
      '36:10 log.audit',
      '37:11 log.format',
      '38:27 telemetry.queue_bytes',
      '41:33 models[0].upstream_model.antropic',
      '42:5 models[1].id',
      '43:17 unknown_models',
      '44:28 load_test_mode.enabled',
    ]);
  });

  it('come in the order of the file', () => {
    const lines = problemsOf(TWENTY).map(({ line }) => line);
    expect(lines).toEqual(lines.toSorted((a, b) => a - b));
  });
});

describe('hundreds', () => {
  it('are counted rather than printed', () => {
    const text = Array.from({ length: 300 }, (_, index) => `unknown${index}: x\n`).join('');
    expect(problemsOf(text).length).toBeGreaterThan(300);
    expect(printed(text)).toMatch(/\n\nand 2\d\d more$/);
  });
});
