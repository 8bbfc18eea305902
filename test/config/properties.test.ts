// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { formatProblems } from '../../src/config/problems.ts';
import { few, many } from '../support/property-runs.ts';
import { check, configOf, fileWith, printed, problemsOf, SECRET } from './config-file.ts';

/** Pieces that YAML, or our own syntax, makes something of. */
const PIECES = [
  ...['listen', 'oidc', 'upstreams', 'auth', 'port', 'api_key', 'x', '8080', 'true', 'null', '.inf', '<<'],
  ...[
    ':',
    ': ',
    '- ',
    '? ',
    '\n',
    '\n  ',
    '\n    ',
    '\r\n',
    '\t',
    ' ',
    ', ',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '|',
    '>-\n',
  ],
  ...[
    '&a ',
    '*a',
    '!t ',
    '!!str ',
    '# c',
    '---\n',
    '...\n',
    '%YAML 1.1\n',
    '\\',
    '\\u0041',
    '\ufeff',
    '\u0000',
    '🔑',
  ],
  ...['${', '}', '${A}', '$${A}', '${file:/a}', '${B}', '__proto__', 'constructor'],
];

const noise = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.array(fc.constantFrom(...PIECES), { maxLength: 60 }).map((pieces) => pieces.join('')),
  fc.array(fc.constantFrom(...PIECES), { maxLength: 20 }).map((pieces) => fileWith() + pieces.join('')),
);

const inputs = { env: { A: 'a: {b}\n- c' }, files: { '/a': 'x' } };

describe('any text', () => {
  it('is valid, or has problems, each of which has a place inside it and can be shown on lines of its own', () => {
    fc.assert(
      fc.property(noise, (text) => {
        const checked = check(text, inputs);
        const problems = checked.kind === 'invalid' ? checked.problems : checked.warnings;
        if (checked.kind === 'invalid')
          expect(problems.some(({ severity }) => severity === 'error')).toBe(true);
        else expect(checked.kind).toBe('valid');

        const lines = text.replace(/^\ufeff/, '').split('\n');
        for (const { line, column, message } of problems) {
          const isInside =
            line >= 1 &&
            line <= lines.length &&
            column >= 1 &&
            column <= (lines[line - 1] ?? '').length + 1 &&
            message !== '';
          if (!isInside) expect.fail(`${line}:${column} ${message}`);
        }
        expect(formatProblems(problems, { name: 'gateway.yaml', text })).not.toMatch(
          /[\u0000-\u0009\u000b-\u001f\u007f]/,
        );
      }),
      many(),
    );
  });
});

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/);
const words = fc.uniqueArray(word, { minLength: 1, maxLength: 4 });
const block = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 32 }))
  .map(([octet, prefix]) => `10.${octet}.0.0/${prefix}`);

/** What an operator could write, as plain values. */
const written = fc
  .record({
    port: fc.integer({ min: 1, max: 65_535 }),
    proxies: fc.array(block, { maxLength: 3 }),
    claims: words,
    groups: words,
    ttlHours: fc.double({ min: 0.1, max: 100, noNaN: true }),
    names: fc.uniqueArray(word, { minLength: 1, maxLength: 4 }),
    headers: fc.dictionary(
      word.map((name) => `x-t-${name}`),
      fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/),
      {
        maxKeys: 3,
      },
    ),
    policies: fc.array(fc.record({ groups: words, models: fc.array(word, { maxLength: 3 }) }), {
      maxLength: 4,
    }),
    env: fc.dictionary(fc.stringMatching(/^[A-Z][A-Z_]{0,8}$/), fc.string({ maxLength: 20 })),
    bytes: fc.integer({ min: 1, max: 2 ** 30 }),
  })
  .map((drawn) => ({
    listen: { host: '127.0.0.1', port: drawn.port, trusted_proxies: drawn.proxies },
    oidc: {
      issuer: 'https://login.example.com',
      client_id: 'sallyport',
      client_secret: 's',
      email_claim: drawn.claims,
      allowed_groups: drawn.groups,
    },
    session: { jwt_secret: [SECRET], ttl_hours: drawn.ttlHours },
    store: { embedded: '/var/lib/sallyport' },
    upstreams: drawn.names.map((name) => ({
      provider: 'anthropic',
      name,
      auth: { api_key: 'k' },
      headers: drawn.headers,
    })),
    managed: {
      policies: drawn.policies.map(({ groups, models }) => ({
        match: { groups },
        cli: { availableModels: models, env: drawn.env },
      })),
    },
    limits: { max_request_bytes: drawn.bytes },
  }));

/** `${` in a text of the client would be a reference. */
const escaped = (text: string) => text.replaceAll('${', () => '$${');

describe('any valid configuration', () => {
  it('comes out as it was written', () => {
    fc.assert(
      fc.property(written, fc.boolean(), (value, asFlow) => {
        const text = stringify(value, asFlow ? { collectionStyle: 'flow' } : {});
        const config = configOf(escaped(text));
        expect(JSON.parse(JSON.stringify(config))).toMatchObject({
          ...value,
          oidc: { ...value.oidc, client_secret: '[secret]' },
          session: { ...value.session, jwt_secret: ['[secret]'] },
          upstreams: value.upstreams.map((upstream) => ({ ...upstream, auth: { api_key: '[secret]' } })),
        });
      }),
      few(1_000),
    );
  });
});

describe('what a variable holds', () => {
  it('is the value word for word, and changes nothing around it', () => {
    const text = fileWith({
      oidc: 'oidc:\n  issuer: https://login.example.com\n  client_secret: s\n  client_id: ${X}\n  allowed_groups: [before, "a${X}b", after]\n',
    });
    const { oidc, ...rest } = configOf(text, { env: { X: 'x' } });
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (value) => {
        const { oidc: changed, ...others } = configOf(text, { env: { X: value } });
        expect(changed).toMatchObject({
          client_id: value,
          allowed_groups: ['before', `a${value}b`, 'after'],
        });
        expect(Object.keys(changed)).toEqual(Object.keys(oidc));
        expect(JSON.stringify(others)).toBe(JSON.stringify(rest));
      }),
      few(1_000),
    );
  });
});

describe('a slip of the hand', () => {
  const secrets = `listen:
  host: 127.0.0.1
oidc:
  issuer: https://login.example.com
  client_id: sallyport
  client_secret: hunter2-a
session:
  jwt_secret: [hunter2-${SECRET}, "hunter2-aT0m7lJrZ2yXK4oQdN8uVbWcEfGhIkLpRsTxYz"]
store:
  postgres_url: postgres://u:hunter2-b@h/d
upstreams:
  - provider: anthropic
    auth:
      api_key: hunter2-c
    headers: { x-a: hunter2-d }
`;
  const slips = [...' \n\t:#"\'{}[],&*!|>%@`-?$a0'];

  it('shows no secret', () => {
    expect(check(secrets).kind).toBe('valid');
    fc.assert(
      fc.property(
        fc.nat({ max: secrets.length }),
        fc.constantFrom('', ...slips),
        fc.boolean(),
        (at, inserted, isReplacing) => {
          const text = secrets.slice(0, at) + inserted + secrets.slice(isReplacing ? at + 1 : at);
          const shown = printed(text) + JSON.stringify(problemsOf(text));
          expect(shown, text).not.toContain('hunter2');
        },
      ),
      few(1_000),
    );
  });
});
