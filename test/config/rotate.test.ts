// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  addFirst,
  findSigningSecrets,
  finishableAtMs,
  keepFirst,
  nextReference,
  referenceOf,
} from '../../src/config/rotate.ts';
import { isCodedError } from '../../src/kernel/coded-error.ts';

const NOW = Date.parse('2026-10-07T09:12:44.500Z');
const NEW = '${SECRET_20261007}';

const secretsIn = (text: string): unknown => parse(text).session.jwt_secret;

describe('a new signing secret', () => {
  it('makes a list of a single one, and everything else stays as it was', () => {
    const text = `# The gateway of Example Inc.
listen:   { port: 8080 }   # behind nginx

session:
    # Ask the platform team.
    jwt_secret: \${SECRET} # from the vault
    ttl_hours:    1


store: {embedded: "/var/lib/sallyport"}
`;
    expect(addFirst(text, NEW, NOW)).toBe(`# The gateway of Example Inc.
listen:   { port: 8080 }   # behind nginx

session:
    # Ask the platform team.
    jwt_secret:
      - \${SECRET_20261007} # signs since 2026-10-07T09:12:44Z
      - \${SECRET} # from the vault
    ttl_hours:    1


store: {embedded: "/var/lib/sallyport"}
`);
  });

  it('goes first in a list, above the comments that belong to the old entry', () => {
    const text = `session:
  jwt_secret:
  # of March
  - "\${SECRET}"   # signs since 2026-03-01T00:00:00Z
  - '\${OLDER}'
  ttl_hours: 1
`;
    expect(addFirst(text, NEW, NOW)).toBe(`session:
  jwt_secret:
  - "\${SECRET_20261007}" # signs since 2026-10-07T09:12:44Z
  # of March
  - "\${SECRET}"   # signs since 2026-03-01T00:00:00Z
  - '\${OLDER}'
  ttl_hours: 1
`);
  });

  it('goes first in a list in brackets', () => {
    const text = 'session:\n  jwt_secret: ["${SECRET}", "${OLDER}"] # two\n';
    const longer = addFirst(text, NEW, NOW);
    expect(longer).toBe(
      'session:\n  jwt_secret: [\n      "${SECRET_20261007}", # signs since 2026-10-07T09:12:44Z\n      "${SECRET}", "${OLDER}"] # two\n',
    );
    expect(secretsIn(longer)).toEqual([NEW, '${SECRET}', '${OLDER}']);
  });

  it.each([
    ['a map in braces', 'session: {jwt_secret: "${SECRET}", ttl_hours: 1}\nstore: {}\n'],
    ['JSON', '{"session":{"jwt_secret":"${SECRET}","ttl_hours":1}}'],
    ['a value on a line of its own', 'session:\n  jwt_secret: # mind\n    ${SECRET}\n  ttl_hours: 1\n'],
    ['an anchor', 'session:\n  jwt_secret: &s ${SECRET}\n  ttl_hours: 1\nother: *s\n'],
    ['an anchor on a line of its own', 'session:\n  jwt_secret: &s\n    ${SECRET}\nother: *s\n'],
    ['an alias', 'secret: &s ${SECRET}\nsession:\n  jwt_secret: *s\n'],
    ['an aliased section', 'base: &b\n  jwt_secret: ${SECRET}\nsession: *b\n'],
    ['a tag', 'session:\n  jwt_secret: !!str ${SECRET}\n'],
    ['a block scalar', 'session:\n  jwt_secret: |-\n    ${SECRET}\n  ttl_hours: 1\n'],
    ['a folded text', 'session:\n  jwt_secret: "${SEC\\\n    RET}"\n  ttl_hours: 1\n'],
    ['quotes', "session:\n  'jwt_secret': '${SECRET}'\n"],
    ['Windows line ends', 'session:\r\n  jwt_secret: ${SECRET}\r\n  ttl_hours: 1\r\n'],
    ['a byte order mark', '\ufeffsession:\n  jwt_secret: ${SECRET}\n'],
    ['no line end', 'session:\n  jwt_secret: ${SECRET}'],
    ['a list at the end', 'session:\n  jwt_secret:\n  - ${SECRET}'],
    ['a list under an anchor', 'session:\n  jwt_secret: &l\n    - ${SECRET}\n'],
  ])('finds its place beside %s, and can be finished', (_what, text) => {
    const before = parse(text);
    const longer = addFirst(text, NEW, NOW);
    const after = parse(longer);
    expect(after.session.jwt_secret).toEqual([NEW, '${SECRET}']);
    expect({ ...after.session, jwt_secret: 0 }).toEqual({ ...before.session, jwt_secret: 0 });
    expect(findSigningSecrets(longer).entries[0].sinceMs).toBe(Date.parse('2026-10-07T09:12:44Z'));
    if (text.includes('\r\n')) expect(longer.replaceAll('\r\n', '')).not.toContain('\n');

    if (/\*s/.test(text)) return;
    const finished = keepFirst(longer);
    expect(secretsIn(finished)).toEqual([NEW]);
    expect(findSigningSecrets(finished).entries[0].sinceMs).toBe(Date.parse('2026-10-07T09:12:44Z'));
  });

  it('is quoted where YAML would read it otherwise', () => {
    const text = 'session:\n  jwt_secret: plain-old-secret-of-thirty-two-bytes\n';
    expect(secretsIn(addFirst(text, '1234567890', NOW))).toEqual([
      '1234567890',
      'plain-old-secret-of-thirty-two-bytes',
    ]);
    expect(secretsIn(addFirst(text, '${file:/a b#c: d}', NOW))).toContain('${file:/a b#c: d}');
  });
});

describe('finishing', () => {
  it('removes the old entries with their comments and keeps what surrounds them', () => {
    const text = `session:
  jwt_secret:
    - \${NEW} # signs since 2026-10-07T09:12:44Z

    # of March
    - \${SECRET} # signs since 2026-03-01T00:00:00Z
    - \${OLDER}
  # How long a session lasts.
  ttl_hours: 1
`;
    expect(keepFirst(text)).toBe(`session:
  jwt_secret:
    - \${NEW} # signs since 2026-10-07T09:12:44Z
  # How long a session lasts.
  ttl_hours: 1
`);
  });

  it.each([
    ['["a", "b", "c"]', '["a"]'],
    ['["a", "b", ]', '["a", ]'],
    ['[\n    "a", # signs since 2026-10-07T09:12:44Z\n    "b",\n    "c",\n  ]', undefined],
  ])('works in brackets: %s', (list, expected) => {
    const finished = keepFirst(`session:\n  jwt_secret: ${list}\n  ttl_hours: 1\n`);
    expect(parse(finished)).toEqual({ session: { jwt_secret: ['a'], ttl_hours: 1 } });
    if (expected) expect(finished).toContain(`jwt_secret: ${expected}\n`);
    else expect(finished).toContain('# signs since');
  });

  it('leaves a single entry alone', () => {
    const text = 'session:\n  jwt_secret: [a]\n';
    expect(keepFirst(text)).toBe(text);
  });

  it('waits for ttl_hours and ten minutes', () => {
    expect(finishableAtMs(NOW, 1)).toBe(NOW + 70 * 60_000);
    expect(finishableAtMs(NOW, 0.5)).toBe(NOW + 40 * 60_000);
  });

  it('takes a day written by hand for its end', () => {
    const { entries } = findSigningSecrets(
      'session:\n  jwt_secret:\n    - a # since 2026-10-07\n    - b # since May\n',
    );
    expect(entries.map(({ sinceMs }) => sinceMs)).toEqual([Date.parse('2026-10-08T00:00:00Z'), undefined]);
  });
});

describe('the reference of a new secret', () => {
  const next = (value: string, taken: readonly string[] = []) =>
    nextReference(referenceOf(value), NOW, (name) => taken.includes(name));

  it.each([
    ['a plain text, even one with $${NAME} in it', { kind: 'plain' }],
    ['${SECRET}', { kind: 'variable', name: 'SECRET_20261007' }],
    ['${SECRET_20260301}', { kind: 'variable', name: 'SECRET_20261007' }],
    ['pepper-${SECRET}', { kind: 'variable', name: 'SECRET_20261007' }],
    ['${file:/run/secrets/jwt}', { kind: 'file', path: '/run/secrets/jwt.2026-10-07' }],
    ['${file:/run/secrets/jwt.2026-03-01-2}', { kind: 'file', path: '/run/secrets/jwt.2026-10-07' }],
  ])('beside %s is of the same kind', (value, expected) => {
    expect(next(value)).toEqual(expected);
  });

  it('is one that nothing has yet', () => {
    expect(next('${S}', ['S_20261007'])).toEqual({ kind: 'variable', name: 'S_20261007_2' });
    expect(next('${S_20261007_2}', ['S_20261007', 'S_20261007_2'])).toMatchObject({ name: 'S_20261007_3' });
    expect(next('${file:/j}', ['/j.2026-10-07'])).toMatchObject({ path: '/j.2026-10-07-2' });
  });
});

describe('a text without signing secrets', () => {
  it.each([
    ['session: [', 'line 1'],
    ['listen: {}\n', 'session is missing'],
    ['session: {}\n', 'jwt_secret is missing'],
    ['session: {jwt_secret: []}\n', 'empty'],
    ['session: {jwt_secret: 12}\n', 'text'],
    ['session: {jwt_secret: [{a: b}]}\n', 'text'],
    ['session: {jwt_secret: *gone}\n', ''],
    ['', 'session is missing'],
  ])('is refused: %j', (text, why) => {
    const thrown = (() => {
      try {
        findSigningSecrets(text);
      } catch (error) {
        return error;
      }
    })();
    expect(isCodedError(thrown, 'config_invalid') && thrown.detail).toContain(why);
  });
});
