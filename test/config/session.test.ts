import { describe, expect, it } from 'vitest';
import { adviceOf, configOf, errorsOf, fileWith, SECRET, warningsOf } from './config-file.ts';

const OTHER = 'aT0m7lJrZ2yXK4oQdN8uVbWcEfGhIkLpRsTxYz13579A';
const session = (lines: string) => fileWith({ session: `session:\n${lines}` });

describe('session', () => {
  it('has defaults, and a list of secrets in any case', () => {
    const { jwt_secret: secrets, ttl_hours, refresh_ttl_days } = configOf(fileWith()).session;
    expect(secrets.map((entry) => entry.reveal())).toEqual([SECRET]);
    expect({ ttl_hours, refresh_ttl_days }).toEqual({ ttl_hours: 1, refresh_ttl_days: 30 });
  });

  it('keeps the order of secrets', () => {
    const { jwt_secret: secrets } = configOf(session(`  jwt_secret: [${OTHER}, ${SECRET}]\n`)).session;
    expect(secrets.map((entry) => entry.reveal())).toEqual([OTHER, SECRET]);
    expect(JSON.stringify(secrets)).toBe('["[secret]","[secret]"]');
  });

  it('wants 32 bytes of each secret', () => {
    const bytes = (count: number) => SECRET.slice(0, count);
    expect(errorsOf(session(`  jwt_secret: ${bytes(32)}\n`))).toEqual([]);
    expect(errorsOf(session(`  jwt_secret: ${bytes(31)}\n`))).toEqual([
      'session.jwt_secret must be a secret of at least 32 bytes, found a string of 31 bytes',
    ]);
    expect(errorsOf(session(`  jwt_secret: [${bytes(5)}, ${SECRET}, "", 7]\n`))).toEqual([
      'session.jwt_secret[0] must be a secret of at least 32 bytes, found a string of 5 bytes',
      'session.jwt_secret[2] must be a secret of at least 32 bytes, found an empty string',
      'session.jwt_secret[3] must be a secret of at least 32 bytes, found a number',
    ]);
  });

  it('says how to make one', () => {
    expect(adviceOf(session('  jwt_secret: [short]\n'))[0]).toContain(
      'make one with `sallyport rotate-secret --print`',
    );
  });

  it('counts bytes, not characters', () => {
    expect(errorsOf(session(`  jwt_secret: ${'éàü'.repeat(6)}\n`))).toEqual([]);
  });

  it.each([
    ['  jwt_secret: []\n', 'session.jwt_secret must hold at least one secret'],
    ['  jwt_secret: {a: b}\n', 'session.jwt_secret must be a secret or a list of secrets, found a map'],
    ['  jwt_secret: 12345678901234567890123456789012345\n', 'session.jwt_secret must be a secret'],
    ['  ttl_hours: 1\n', 'session.jwt_secret is required'],
  ])('refuses %j', (lines, words) => {
    expect(errorsOf(session(lines)).join('\n')).toContain(words);
  });

  it.each([
    'change-me-change-me-change-me-change-me',
    'CHANGEME0123456789012345678901234567890',
    'your-secret-here-0123456789-0123456789',
    'your-jwt-secret-of-at-least-32-characters',
    'replace_this_with_a_long_random_string_',
    'example-secret-0123456789-0123456789-01',
    '<openssl rand -base64 32, at least once>',
  ])('refuses %s, which stands in documentation', (example) => {
    expect(errorsOf(session(`  jwt_secret: "${example}"\n`))).toEqual([
      'session.jwt_secret is an example secret that anybody can read in documentation',
    ]);
  });

  it('refuses the same secret twice', () => {
    expect(errorsOf(session(`  jwt_secret: [${SECRET}, ${OTHER}, ${SECRET}]\n`))).toEqual([
      'session.jwt_secret[2] is the same as session.jwt_secret[0]',
    ]);
  });

  it('warns of a secret that is not random, and says how to make one', () => {
    const text = session(`  jwt_secret: ${'abc'.repeat(20)}\n`);
    expect(warningsOf(text)).toEqual(['session.jwt_secret does not look random: few different characters']);
    expect(adviceOf(text)[0]).toContain('sallyport rotate-secret --print');
  });
});
