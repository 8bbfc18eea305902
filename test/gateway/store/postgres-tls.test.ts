import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePostgresUrl } from '../../../src/gateway/store/postgres-url.ts';
import { createPostgresDatabase } from '../../../src/gateway/store/sql-database.ts';
import { hasPostgres, startPrivatePostgres } from '../../support/postgres.ts';
import type { Cluster } from '../../support/postgres-cluster.ts';
import { createAuthority } from '../../support/tls.ts';

/** What the server says about one connection. */
async function connection(url: string): Promise<Record<string, unknown>> {
  const database = createPostgresDatabase(parsePostgresUrl(url, {}), {
    maxConnections: 1,
    connectTimeoutSeconds: 5,
    preparedStatements: true,
    statementTimeoutMs: 5_000,
  });
  try {
    const [row] = await database.query(
      `select ssl, client_dn, application_name as name from pg_stat_ssl join pg_stat_activity using (pid)
       where pid = pg_backend_pid()`,
    );
    return { ...row };
  } finally {
    await database.close();
  }
}

describe.skipIf(!hasPostgres)('a connection by sslmode', () => {
  let cluster: Cluster;
  let folder: string;
  let query: (parameters: string, host?: string) => string;

  beforeAll(async () => {
    const [authority, other] = [createAuthority(), createAuthority()];
    // Good for one name; not for the address, and not for localhost.
    const server = authority.issue(['DNS:db.example', 'IP:::1']);
    const client = authority.issue(['DNS:gateway.example']);
    folder = mkdtempSync(join(tmpdir(), 'sallyport-tls-'));
    const files = { ca: authority.certificate, other: other.certificate, ...client };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, `${name}.pem`), content);
    cluster = await startPrivatePostgres({
      settings: { ssl: 'on', ssl_cert_file: 'server.pem', ssl_key_file: 'server.key', ssl_ca_file: 'ca.pem' },
      files: { 'server.pem': server.cert, 'server.key': server.key, 'ca.pem': authority.certificate },
    });
    query = (parameters, host = '127.0.0.1') =>
      `${cluster.url().replace('127.0.0.1', host)}?${parameters.replaceAll('@', `${folder}/`)}`;
  });
  afterAll(async () => {
    await cluster.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['disable', false],
    ['prefer', true],
    ['require', true],
  ])('%s', async (mode, ssl) => {
    expect(await connection(query(`sslmode=${mode}`))).toMatchObject({ ssl, name: 'sallyport' });
  });

  it('verify-ca wants the authority and takes any name', async () => {
    expect(await connection(query('sslmode=verify-ca&sslrootcert=@ca.pem'))).toMatchObject({ ssl: true });
    await expect(connection(query('sslmode=verify-ca&sslrootcert=@other.pem'))).rejects.toMatchObject({
      code: 'SELF_SIGNED_CERT_IN_CHAIN',
    });
    await expect(connection(query('sslmode=require&sslrootcert=@other.pem'))).rejects.toMatchObject({
      code: 'SELF_SIGNED_CERT_IN_CHAIN',
    });
    await expect(connection(query('sslmode=verify-ca'))).rejects.toMatchObject({
      code: 'SELF_SIGNED_CERT_IN_CHAIN',
    });
  });

  it.each(['127.0.0.1', 'localhost'])(
    'verify-full refuses a certificate that is not for %s',
    async (host) => {
      await expect(connection(query('sslmode=verify-full&sslrootcert=@ca.pem', host))).rejects.toMatchObject({
        code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      });
    },
  );

  it('verify-full takes a certificate for the address that is asked', async () => {
    expect(await connection(query('sslmode=verify-full&sslrootcert=@ca.pem', '[::1]'))).toMatchObject({
      ssl: true,
    });
  });

  it('shows the client certificate', async () => {
    expect(await connection(query('sslmode=require&sslcert=@cert.pem&sslkey=@key.pem'))).toMatchObject({
      client_dn: '/CN=leaf',
    });
  });
});

describe.skipIf(!hasPostgres)('a server without TLS', () => {
  it('is used by sslmode=prefer and refused by sslmode=require', async () => {
    const cluster = await startPrivatePostgres();
    expect(await connection(`${cluster.url()}?sslmode=prefer`)).toMatchObject({ ssl: false });
    await expect(connection(`${cluster.url()}?sslmode=require`)).rejects.toThrow();
    await cluster.remove();
  });
});
