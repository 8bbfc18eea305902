import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePostgresUrl } from '../../../src/gateway/store/postgres-url.ts';
import { CodedError } from '../../../src/kernel/coded-error.ts';
import { secret } from '../../../src/kernel/secret.ts';
import { createAuthority } from '../../support/tls.ts';

const parse = (url: string) => parsePostgresUrl(url, {});

function problemOf(url: string): string {
  try {
    parse(url);
  } catch (error) {
    if (error instanceof CodedError && error.code === 'config_invalid') return error.detail ?? '';
    throw error;
  }
  return 'none';
}

describe('store.postgres_url', () => {
  it('is read in all its parts', () => {
    expect(parse('postgres://ada:pass%2Fword@db.example:6543/side%20door')).toEqual({
      host: 'db.example',
      port: 6543,
      database: 'side door',
      username: 'ada',
      password: 'pass/word',
      ssl: 'prefer',
    });
  });

  it('fills in what libpq would', () => {
    expect(parse('postgresql://')).toMatchObject({ host: 'localhost', port: 5432, username: 'postgres' });
    expect(parse('postgres://ada@db')).toMatchObject({ database: 'ada', password: undefined });
  });

  it('gives way to store.username and store.password', () => {
    const overrides = { username: 'grace', password: secret('another') };
    expect(parsePostgresUrl('postgres://ada:one@db', overrides)).toMatchObject({
      username: 'grace',
      password: 'another',
      database: 'grace',
    });
  });

  it('may name an IPv6 address or the folder of a unix socket', () => {
    expect(parse('postgres://ada@[2001:db8::7]:5433/x')).toMatchObject({ host: '2001:db8::7', port: 5433 });
    expect(parse('postgres://ada@%2Frun%2Fpostgresql/x?sslmode=require')).toMatchObject({
      host: '/run/postgresql',
      ssl: false,
    });
  });

  it('may hold a comma in the password but not in the host', () => {
    expect(parse('postgres://ada:a,b@db/x')).toMatchObject({ host: 'db', password: 'a,b' });
    expect(problemOf('postgres://ada:a,b@db1,db2/x')).toContain('names several hosts');
    expect(problemOf('postgres://db1:5432,db2:5432/x')).toContain('names several hosts');
  });

  it.each([
    ['options', 'options=-c%20search_path%3Dx'],
    ['host', 'sslmode=require&host=/run'],
    ['application_name', 'application_name=x'],
    ['SSLMODE', 'SSLMODE=require'],
  ])('refuses the parameter %s by its name', (name, query) => {
    expect(problemOf(`postgres://ada:hunter2@db/x?${query}`)).toBe(
      `store.postgres_url has the parameter ${name}; only sslmode, sslrootcert, sslcert, sslkey are understood`,
    );
  });

  it.each([
    'mysql://ada:hunter2@db/x',
    'db.example/x?hunter2',
    'postgres://ada:hunter2/@db/x',
    'postgres://ada:hunter2@db:99999/x',
    'postgres://ada:hunter2%@db/x',
    'postgres://ada:hunter2@db1,db2/x',
    'postgres://ada:hunter2@db/x?sslmode=hunter2',
    'postgres://ada:hunter2@db/x?sslmode=require&sslrootcert=/does/not/exist',
  ])('is never repeated in a message: %s', (url) => {
    const problem = problemOf(url);
    expect(problem).toMatch(/^store\.postgres_url/);
    expect(problem).not.toContain('hunter2');
  });
});

describe('TLS in store.postgres_url', () => {
  let folder: string;
  const at = (name: string) => join(folder, name);
  const authority = createAuthority();
  const leaf = authority.issue(['DNS:db.example']);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-pem-'));
    writeFileSync(at('ca.pem'), authority.certificate);
    writeFileSync(at('cert.pem'), leaf.cert);
    writeFileSync(at('key.pem'), leaf.key);
    writeFileSync(at('text.pem'), 'not a certificate');
    writeFileSync(at('cut.pem'), `${leaf.cert.slice(0, 200)}\n-----END CERTIFICATE-----\n`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const sslOf = (query: string) => parse(`postgres://ada@db.example/x?${query}`).ssl;

  it('is off, preferred, or demanded by sslmode', () => {
    expect(sslOf('sslmode=disable')).toBe(false);
    expect(sslOf('sslmode=allow')).toBe('prefer');
    expect(sslOf('sslmode=prefer')).toBe('prefer');
    expect(sslOf('sslmode=require')).toEqual({ rejectUnauthorized: false });
    expect(sslOf('sslmode=verify-ca')).toMatchObject({ rejectUnauthorized: true });
    expect(sslOf('sslmode=verify-full')).toMatchObject({ rejectUnauthorized: true });
  });

  it('verifies the chain as soon as an authority is named, as libpq does', () => {
    expect(sslOf(`sslmode=require&sslrootcert=${at('ca.pem')}`)).toMatchObject({
      rejectUnauthorized: true,
      ca: authority.certificate,
    });
  });

  it('reads the files that the parameters name', () => {
    const files = `sslrootcert=${at('ca.pem')}&sslcert=${at('cert.pem')}&sslkey=${at('key.pem')}`;
    expect(sslOf(`sslmode=verify-full&${files}`)).toMatchObject({
      ca: authority.certificate,
      cert: leaf.cert,
      key: leaf.key,
    });
  });

  it.each([
    ['a mode that would ignore them', (): string => `sslrootcert=${at('ca.pem')}`, 'not prefer'],
    ['a mode that may ignore them', () => `sslmode=allow&sslrootcert=${at('ca.pem')}`, 'not allow'],
    ['a certificate without its key', () => `sslmode=require&sslcert=${at('cert.pem')}`, 'go together'],
    ['a key without its certificate', () => `sslmode=require&sslkey=${at('key.pem')}`, 'go together'],
    ['a missing file', () => `sslmode=require&sslrootcert=${at('none.pem')}`, 'cannot be read'],
    ['a file that is not PEM', () => `sslmode=require&sslrootcert=${at('text.pem')}`, 'not PEM'],
    ['a damaged file', () => `sslmode=require&sslcert=${at('cut.pem')}&sslkey=${at('key.pem')}`, 'used'],
    ['an unknown mode', () => 'sslmode=yes', 'unknown sslmode'],
  ])('is refused with %s', (_what, query, problem) => {
    expect(problemOf(`postgres://ada@db.example/x?${query()}`)).toContain(problem);
  });
});
