// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { maskedConfig } from '../../src/config/masked.ts';
import { createAllowListJudge } from '../../src/gateway/doors/judge-allow-list.ts';
import { adviceOf, check, errorsOf, fileWith, printed, SECRET, warningsOf } from './config-file.ts';

/** A file full of secrets, each of which holds `hunter2`, and of mistakes. */
const LEAKY = `# the old one: hunter2-comment
listen:
  port: 99999 # hunter2-behind
  tls: hunter2-in-place-of-a-map
oidc:
  issuer: not a url
  client_id: sallyport
  client_secret: hunter2-client
  client_secrets: hunter2-misspelt
  extra_auth_params: { hint: hunter2-param, state: hunter2-state }
  scopes: [openid, "a b"]
session:
  jwt_secret:
    - hunter2-short
    - "${SECRET}hunter2": 1
    - >-
      hunter2-folded
store:
  postgres_url: mysql://u:hunter2-url@h/d
  password: { hunter2-key: hunter2-value }
upstreams:
  - provider: anthropic
    auth: { api_key: [hunter2-in-a-list] }
    headers:
      authorization: Bearer hunter2-bearer
      x-a: " hunter2-blank"
  - provider: anthropic
    auth: hunter2-auth
  - hunter2-item
managed:
  policies:
    - match: {}
      cli:
        env: { TOKEN: hunter2-env, N: 1 }
        unknownOne: hunter2-unknown
        apiKeyHelper: [hunter2-helper]
databaseUrl: postgres://u:hunter2-misplaced@h/d
base: &anchored hunter2-anchored
`;

describe('no secret', () => {
  it('is in a problem, however it came to stand where it stands', () => {
    const advice = adviceOf(LEAKY);
    expect(advice.length).toBeGreaterThan(15);
    expect(advice.join('\n')).not.toContain('hunter2');
  });

  it('is in a warning about models that came from a file or look like an address with a password', () => {
    const managed = `managed:
  policies:
    - match: {}
      cli:
        availableModels: [sonnet, "\${file:/b}", "https://u:hunter2-list@h"]
        deniedModels: ["\${file:/b}", "https://u:hunter2-denial@h"]
        model: \${file:/b}
`;
    const inputs = { judgeAllowList: createAllowListJudge(), files: { '/b': 'hunter2-model' } };
    const warnings = warningsOf(fileWith({ managed }), inputs);
    expect(warnings.filter((warning) => warning.includes('found a string of'))).toHaveLength(5);
    expect(warnings.join('\n')).not.toContain('hunter2');
  });

  it('is in the lines that are shown around a problem', () => {
    expect(printed(LEAKY)).not.toContain('hunter2');
  });

  it('is shown when the file cannot be read at all', () => {
    const broken = `${LEAKY}  bad: [\n\tx\n`;
    expect(printed(broken)).toContain('cannot be read as YAML');
    expect(printed(broken)).not.toContain('hunter2');
    for (const tail of [
      '"hunter2-open',
      "'hunter2-open",
      '[hunter2-open',
      '{hunter2: hunter2-open',
      '@hunter2',
      '\thunter2',
    ])
      for (const key of ['client_secret', 'hunter2', 'port'])
        expect(printed(`oidc:\n  ${key}: ${tail}\n  issuer: x: y\n`)).not.toContain('hunter2');
  });

  it('from a variable or a file is in a problem', () => {
    const text = fileWith({
      session: 'session:\n  jwt_secret: ${A}\n',
      store: 'store:\n  postgres_url: ${A}\n',
      upstreams:
        'upstreams:\n  - provider: anthropic\n    auth: { api_key: k }\n    headers: { x-a: "${A}\\t" }\n    base_url: ${file:/b}\n',
      log: 'log:\n  format: ${file:/b}\n',
    });
    const inputs = { env: { A: 'hunter2' }, files: { '/b': 'hunter2' } };
    expect(adviceOf(text, inputs).map((line) => line.split(' ')[0])).toEqual([
      'session.jwt_secret',
      'store.postgres_url',
      'upstreams[0].headers.x-a',
      'upstreams[0].base_url',
      'log.format',
    ]);
    expect(printed(text, inputs)).not.toContain('hunter2');
  });

  it('in a URL with user and password is shown, whatever the URL is for', () => {
    const text = fileWith({
      listen: 'listen: { host: 127.0.0.1, public_url: "https://u:hunter2@gw.example.com" }\n',
      oidc: 'oidc: { issuer: "u:hunter2@login.example.com", client_id: a, client_secret: s }\n',
      upstreams:
        'upstreams: [{ provider: anthropic, auth: { api_key: k }, base_url: "https://hunter2:@h/hunter2@" }]\n',
    });
    expect(errorsOf(text)).toHaveLength(3);
    expect(printed(text)).not.toContain('hunter2');
  });

  it('is what a plain key takes from a variable: that is shown', () => {
    const text = fileWith({ log: 'log:\n  format: ${FORMAT}\n' });
    expect(adviceOf(text, { env: { FORMAT: 'yaml' } })[0]).toContain('found "yaml"');
  });
});

describe('the lines around a problem', () => {
  it('show what helps: keys, plain values and references', () => {
    const text = `listen:
  host: 127.0.0.1
  prt: 8443 # why
oidc: { issuer: "https://login.example.com", client_id: "\${ID}", client_secret: x }
`;
    expect(printed(text, { env: { ID: 'a' } })).toContain(
      [
        'gateway.yaml:3:3 error listen.prt is not a known key',
        '  fix: did you mean port?',
        '  2 |   host: 127.0.0.1',
        '> 3 |   prt: … # …',
        '        ^',
        '  4 | oidc: { issuer: "https://login.example.com", client_id: "${ID}", client_secret: … }',
      ].join('\n'),
    );
  });

  it('point at the place although text before it is hidden', () => {
    const text = fileWith({
      listen: 'listen: { tls: { cert: /a, key: /b }, hostt: aaaaaaaaaaaaaaa, port: 99999 }\n',
    });
    const [line = '', caret = ''] = printed(text).split('\n').slice(-3);
    expect(line[caret.indexOf('^')]).toBe('9');
    expect(line).toContain('hostt: …, port: 99999');
  });

  it('are cut when they are long', () => {
    const text = fileWith({
      oidc: `oidc: { issuer: "https://a.example", client_id: "${'a'.repeat(1_000)}", client_secret: x, scope: 1 }\n`,
    });
    expect(
      Math.max(
        ...printed(text)
          .split('\n')
          .map((line) => line.length),
      ),
    ).toBeLessThan(200);
  });

  it('hold no control characters', () => {
    const text = fileWith({ log: 'log: { format: "\u001b[31mred" }\n' });
    expect(printed(text)).not.toContain('\u001b');
  });
});

describe('a configuration that is printed', () => {
  const text = fileWith({
    oidc: 'oidc: { issuer: "https://login.example.com", client_id: "${file:/id}", client_secret: literal-secret, groups_claim: "${CLAIM}", extra_auth_params: { a: "${A}", b: plain } }\n',
    upstreams:
      'upstreams: [{ provider: anthropic, auth: { api_key: "${A}" }, headers: { x-a: "${A}", x-b: plain } }]\n',
    managed: 'managed: { policies: [{ match: {}, cli: { env: { A: "${A}", B: plain }, model: opus } }] }\n',
  });
  const checked = check(text, { env: { A: 'hunter2', CLAIM: 'roles' }, files: { '/id': 'hunter2-id' } });
  const masked = checked.kind === 'valid' ? maskedConfig(checked.config, checked.maskedPaths) : undefined;

  it('shows plain values, and masks secrets, files, and variables where anything can stand', () => {
    expect(masked).toMatchObject({
      oidc: {
        client_id: '[secret]',
        client_secret: '[secret]',
        groups_claim: 'roles',
        extra_auth_params: { a: '[secret]', b: 'plain' },
      },
      session: { jwt_secret: ['[secret]'] },
      upstreams: [{ auth: { api_key: '[secret]' }, headers: { 'x-a': '[secret]', 'x-b': 'plain' } }],
      managed: { policies: [{ cli: { env: { A: '[secret]', B: 'plain' }, model: 'opus' } }] },
    });
    expect(JSON.stringify(masked)).not.toContain('hunter2');
  });

  it('shows no secret either when it is printed as it is', () => {
    const config = checked.kind === 'valid' ? checked.config : undefined;
    for (const shown of [
      JSON.stringify(config),
      inspect(config, { depth: 10 }),
      String(config?.session.jwt_secret),
    ]) {
      expect(shown).not.toContain(SECRET);
      expect(shown).not.toContain('literal-secret');
    }
  });
});
