import { describe, expect, it } from 'vitest';
import { adviceOf, configOf, errorsOf, fileWith, printed, problemsOf, warningsOf } from './config-file.ts';

const store = (lines: string) => fileWith({ store: `store:\n${lines}` });
const url = (value: string) => store(`  postgres_url: ${JSON.stringify(value)}\n`);

describe('store', () => {
  it('has defaults', () => {
    expect(configOf(fileWith()).store).toEqual({
      embedded: '/var/lib/sallyport',
      max_connections: 5,
      connect_timeout_seconds: 5,
      readiness_grace_seconds: 0,
      prepared_statements: true,
    });
  });

  it.each([
    ['no section', ''],
    ['an empty section', 'store: {}\n'],
    ['a section without either', 'store: { max_connections: 3 }\n'],
  ])('is required: %s', (_what, text) => {
    const [problem, ...rest] = problemsOf(fileWith({ store: text }));
    expect(problem).toMatchObject({ severity: 'error', path: 'store.postgres_url' });
    expect(problem?.hint).toContain(
      'docker run -d -p 127.0.0.1:5432:5432 -e POSTGRES_PASSWORD=throwaway postgres',
    );
    expect(problem?.hint).toContain('postgres_url: postgres://postgres:throwaway@127.0.0.1:5432/postgres');
    expect(problem?.hint).toContain('embedded: /var/lib/sallyport');
    expect(rest).toEqual([]);
  });

  it('says once that it is no map', () => {
    expect(errorsOf(fileWith({ store: 'store: postgres://u:p@h/d\n' }))).toEqual([
      'store must be a map of keys, found a string of 18 bytes',
    ]);
  });

  it('is one of the two', () => {
    expect(errorsOf(store('  postgres_url: postgres://h/d\n  embedded: /a\n'))).toEqual([
      'store.embedded stands beside store.postgres_url: exactly one is possible',
    ]);
  });

  it('warns of what only a server has', () => {
    expect(warningsOf(store('  embedded: /a\n  username: u\n  max_connections: 9\n'))).toEqual([
      'store.username has no effect with store.embedded',
      'store.max_connections has no effect with store.embedded',
    ]);
  });

  it('keeps URL and password secret', () => {
    const text = store('  postgres_url: postgres://u:pw-in-url@h/d\n  password: pw-of-its-own\n');
    const { postgres_url, password } = configOf(text).store;
    expect(postgres_url?.reveal()).toBe('postgres://u:pw-in-url@h/d');
    expect(`${postgres_url} ${password}`).toBe('[secret] [secret]');
  });
});

describe('store.postgres_url', () => {
  it.each([
    'postgres://h',
    'postgresql://u:p%40ss@h:5433/db?sslmode=verify-full&sslrootcert=/ca.pem',
    'postgres://[::1]:5432/db',
    'postgres:///db',
    'POSTGRES://h/db',
  ])('may be %s', (value) => {
    expect(errorsOf(url(value))).toEqual([]);
  });

  it.each([
    ['mysql://h/d', 'must start with postgres:// or postgresql://'],
    ['h/d', 'must start with postgres:// or postgresql://'],
    ['postgres://h1,h2/d', 'names several hosts; it takes one'],
    ['postgres://u:p@h1:5432,h2:5432/d', 'names several hosts; it takes one'],
    ['postgres://u:a#b@h/d', 'is no URL'],
    ['postgres://u:a/b@h/d', 'is no URL'],
    ['postgres://u:p@h:99999/d', 'is no URL'],
    ['postgres://u:100%@h/d', 'holds a % that is not part of an escape; write it as %25'],
    ['postgres://h/d#x', 'holds a #; write it as %23'],
    ['postgres://h/d?application_name=x', 'has the parameter application_name; only sslmode, sslrootcert'],
    ['postgres://h/d?sslmode=yes', 'has an unknown sslmode'],
    ['postgres://u:a?b@h/d', 'is no URL'],
    ['postgres://u:12?b@h/d', 'has the parameter (a name that is none)'],
    ['', 'must be a URL like postgres://user:password@host:5432/database'],
  ])('may not be %s', (value, words) => {
    const errors = errorsOf(url(value));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^store\.postgres_url /);
    expect(errors[0]).toContain(words);
  });

  it('is quoted in no message', () => {
    for (const value of [
      'mysql://u:hunter2@h/d',
      'postgres://u:hunter2@a,b/d',
      'postgres://u:hunter2?@h/d',
      'postgres://u:hunter2%@h',
    ])
      expect(printed(url(value)) + adviceOf(url(value))).not.toContain('hunter2');
  });
});
