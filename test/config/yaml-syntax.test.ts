// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { describe, expect, it } from 'vitest';
import { adviceOf, configOf, errorsOf, fileWith, problemsOf } from './config-file.ts';

const MIB = 1024 * 1024;

const INDENT = 'indent with spaces, two for each level, siblings alike; and close brackets and quotes before';

describe('a file that is no YAML', () => {
  it.each([
    ['a tab as indent', 'listen:\n\tport: 1\n', 2, 1, 'a tab is used to indent', INDENT],
    [
      'uneven indents',
      'listen:\n    port: 1\n  host: a\n',
      3,
      1,
      'this is not indented as it must be',
      INDENT,
    ],
    [
      'a quote left open',
      'oidc:\n  issuer: "https://a\n  client_id: b\n',
      2,
      11,
      'a quote is opened here and not closed',
      'add the closing quote',
    ],
    [
      'a bare colon',
      'oidc:\n  client_id: a: b\n',
      2,
      14,
      'a map stands where a single value must be',
      'put the value in quotes if it holds a colon and a blank',
    ],
    [
      'a value that begins with @',
      'oidc:\n  client_id: @b\n',
      2,
      14,
      'a value begins with a character that must be quoted',
      'put the value in quotes',
    ],
    [
      'a bracket left open',
      'listen: {port: 1\noidc: {}\n',
      2,
      1,
      'this is not indented as it must be',
      INDENT,
    ],
    [
      'a variable in brackets without quotes',
      'store: { embedded: ${DIR} }\n',
      1,
      21,
      '${…} stands within brackets without quotes',
      'put it in quotes: "${NAME}"',
    ],
    [
      'an escape of no meaning',
      'oidc:\n  client_id: "a\\qb"\n',
      2,
      16,
      'unknown escape in double quotes',
      "use single quotes ('…') for texts with backslashes",
    ],
  ])('is refused for %s, with its place', (_what, text, line, column, words, hint) => {
    expect(problemsOf(text)).toEqual([
      { severity: 'error', path: '', line, column, message: `cannot be read as YAML: ${words}`, hint },
    ]);
  });

  it.each([
    ['a variable in braces', 'store: { embedded: ${DIR} }\nlog:\n  format: json\noidc: {}\n', ['1:21']],
    ['a bracket too many', 'a: [1]]\nb: 1\nc: {d: 1}\n', ['1:7']],
    ['JSON', '{"a": {"b": ${X}},\n"c": 1,\n"d": {"e": 2}}\n', ['1:14']],
    [
      'two variables',
      'store: { embedded: ${DIR} }\nlog: {}\nsession: { jwt_secret: ${S} }\noidc: {}\n',
      ['1:21', '3:25'],
    ],
    ['one of another kind before', 'b: "x\\qy"\na: [1]]\nc: 1\n', ['1:6', '2:7']],
  ])('is told of its own mistakes, not of what follows from them: %s', (_what, text, places) => {
    expect(problemsOf(text).map(({ line, column }) => `${line}:${column}`)).toEqual(places);
  });

  it('names the first mistake of each line, ten at most', () => {
    const lines = Array.from({ length: 30 }, (_, index) => `k${index}: "\\q \\q"`).join('\n');
    expect(problemsOf(lines).map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});

describe('a file as a whole', () => {
  it.each([
    ['a list', '- a\n', 'must be a map of keys like listen: and oidc:, and is a list'],
    ['a single value', 'hello\n', 'and is a single value'],
    ['two documents', `${fileWith()}---\na: 1\n`, 'holds several documents'],
    ['an older YAML', `%YAML 1.1\n---\n${fileWith()}`, 'must be YAML 1.2'],
    ['more than 4 MiB', `${fileWith()}# ${'x'.repeat(4 * MIB)}`, 'is larger than 4 MiB'],
    ['more than 4 MiB in bytes', `${fileWith()}# ${'é'.repeat(2 * MIB)}`, 'is larger than 4 MiB'],
    ['brackets without end', '['.repeat(MIB), 'is nested more than 100 levels deep'],
    ['indents without end', Array.from({ length: 2000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'deep'],
    ['a directive alone', '%YAML 1.2\n', 'cannot be read as YAML'],
    ['values without end', '- a\n'.repeat(MIB), 'holds too many values'],
    ['quotes without end', '"'.repeat(MIB), 'holds too many values'],
  ])('is refused when it is %s', (_what, text, words) => {
    expect(errorsOf(text).join('\n')).toContain(words);
  });

  it.each([
    ['empty', ''],
    ['nothing but a comment', '# soon\n'],
    ['an empty document', '---\n'],
  ])('that is %s lacks what is required', (_what, text) => {
    expect(errorsOf(text).map((line) => line.split(' ')[0])).toEqual(
      expect.arrayContaining(['listen', 'oidc', 'session', 'store.postgres_url', 'upstreams']),
    );
  });

  it('may begin with a byte order mark, which counts for no column', () => {
    expect(configOf(`\ufeff${fileWith()}`).listen.port).toBe(8080);
    expect(
      problemsOf(`\ufeff${fileWith({ listen: 'listen: {host: 127.0.0.1, prot: 1}\n' })}`)[0],
    ).toMatchObject({
      line: 1,
      column: 27,
    });
  });

  it('may have Windows line ends', () => {
    expect(configOf(fileWith().replaceAll('\n', '\r\n')).listen.host).toBe('127.0.0.1');
  });
});

describe('keys', () => {
  it('given twice are errors at every level', () => {
    const text = fileWith({ listen: 'listen:\n  host: 127.0.0.1\n  host: 127.0.0.2\nlisten: {}\n' });
    expect(problemsOf(text)).toMatchObject([
      { path: 'listen.host', line: 3, column: 3, message: 'is given twice' },
      { path: 'listen', line: 4, column: 1, message: 'is given twice' },
    ]);
  });

  it('that are no plain text are errors', () => {
    expect(errorsOf(`${fileWith()}? {a: b}\n: c\n`)).toEqual([' has a key that is no plain text']);
  });

  it('may be called like members of every object, but for __proto__', () => {
    const cli = '{env: {constructor: a, toString: b}}';
    const text = fileWith({ managed: `managed: {policies: [{match: {}, cli: ${cli}}]}\n` });
    expect(configOf(text).managed.policies[0]?.cli?.['env']).toEqual({ constructor: 'a', toString: 'b' });
    expect(
      errorsOf(`${fileWith()}__proto__: {listen: 1}\nconstructor: 2\nmodels: [{__proto__: {}}]\n`),
    ).toEqual([
      ' has the key __proto__, which is not possible',
      'constructor is not a known key',
      'models[0].id is required',
      'models[0] has the key __proto__, which is not possible',
    ]);
  });

  it('have values', () => {
    expect(errorsOf(fileWith({ listen: 'listen: { host: 127.0.0.1, hunter2 }\n' }))).toEqual([
      'listen holds something that is no key with a value',
    ]);
  });

  it('of merging belong to an older YAML, and that is said', () => {
    const advice = adviceOf(fileWith({ session: `session: {<<: {ttl_hours: 1}, jwt_secret: "\${S}"}\n` }), {
      env: { S: 'n0TUx9tPRcZQbOcUJRHdkWhHkWbiX0bkgVQW5FJmJ1s' },
    });
    expect(advice).toEqual([expect.stringContaining('merge keys (<<) are not part of YAML 1.2')]);
  });
});

describe('aliases', () => {
  it('stand for what has their anchor', () => {
    const access_control = 'access_control: { allow_cidrs: &own [10.0.0.0/8], deny_cidrs: *own }\n';
    expect(configOf(fileWith({ access_control })).access_control.deny_cidrs).toEqual(['10.0.0.0/8']);
  });

  it('of nothing are errors', () => {
    expect(errorsOf(fileWith({ limits: 'limits: *nope\n' }))[0]).toContain(
      'limits is an alias (*…) of nothing',
    );
  });

  it('of what contains them are errors', () => {
    const text = fileWith({
      managed: 'managed: {policies: [{match: {}, cli: &c {pluginConfigs: {a: *c}}}]}\n',
    });
    expect(errorsOf(text).join('\n')).toContain('is an alias of something that contains it');
  });

  it('that multiply are an error at once', () => {
    const letters = [...'abcdefghijklmnopqrst'];
    const lines = letters.map((letter, index) => {
      const before = letters[index - 1];
      return `${letter}: &${letter} [${Array.from({ length: 10 }, () => (before ? `*${before}` : 'lol')).join(', ')}]`;
    });
    expect(errorsOf(lines.join('\n')).join('\n')).toContain('aliases may expand to 10000 values in all');
  });
});

describe('tags', () => {
  it.each(['!custom', '!!binary', '!!js/function', '!<tag:example.com,2000:x>'])(
    'like %s are errors',
    (tag) => {
      expect(errorsOf(fileWith({ log: `log:\n  audit: ${tag} stderr\n` })).join('\n')).toMatch(
        /log\.audit has a tag|there is a tag/,
      );
    },
  );

  it.each(['!custom', '!!int'])('like %s are errors at a key as well', (tag) => {
    expect(errorsOf(fileWith({ log: `${tag} log: { audit: stderr }\n` })).join('\n')).toContain(
      'has a key that has a tag (!…), and tags are not supported',
    );
  });

  it('of YAML itself are fine', () => {
    expect(configOf(fileWith({ log: '!!str log: { audit: stderr }\n' })).log.audit).toBe('stderr');
    expect(
      configOf(fileWith({ shutdown: 'shutdown: { delay_seconds: !!int 5 }\n' })).shutdown.delay_seconds,
    ).toBe(5);
  });
});

describe('values', () => {
  it('mean what they mean in YAML 1.2', () => {
    const limits = 'limits: { max_url_length: 0x1F, max_request_bytes: 0o17 }\n';
    expect(configOf(fileWith({ limits })).limits).toMatchObject({
      max_url_length: 31,
      max_request_bytes: 15,
    });
    expect(
      errorsOf(
        fileWith({
          oidc: 'oidc: {issuer: https://a.example, client_id: a, client_secret: b, use_pkce: yes}\n',
        }),
      ),
    ).toEqual(['oidc.use_pkce must be true or false, found "yes"']);
  });

  it('that are no numbers are errors', () => {
    expect(
      errorsOf(fileWith({ shutdown: 'shutdown: { grace_seconds: .inf, delay_seconds: .nan }\n' })),
    ).toEqual([
      'shutdown.grace_seconds is not a number that can be used',
      'shutdown.delay_seconds is not a number that can be used',
    ]);
  });

  it('that are left out after a key are errors', () => {
    const text = fileWith({ log: 'log:\n  format:\nlimits:\nmanaged:\n  policies:\n    -\n    - match:\n' });
    expect(errorsOf(text)).toEqual([
      'log.format has no value',
      'limits has no value',
      'managed.policies[0] has no value',
      'managed.policies[1].match has no value',
    ]);
  });
});
