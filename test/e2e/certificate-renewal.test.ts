import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Deployment, startDeployment } from '../support/deployment.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { createTestDatabase, describeWithPostgres } from '../support/postgres.ts';
import { createSelfSigned, type Leaf } from '../support/tls.ts';

const names = ['IP:127.0.0.1'];
const [leaf, renewed] = [createSelfSigned(names), createSelfSigned(names)];
const stays = /the certificate that was read before/;

let folder: string;
let deployment: Deployment | undefined;

const at = (name: string): string => join(folder, name);

function install({ cert, key }: Pick<Leaf, 'cert' | 'key'>): void {
  writeFileSync(at('cert.pem'), cert);
  writeFileSync(at('key.pem'), key);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-renewal-'));
  install(leaf);
});

afterEach(async () => {
  await deployment?.close();
  deployment = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function open(
  store: Readonly<Record<string, unknown>>,
  ...args: readonly string[]
): Promise<GatewayProcess> {
  deployment = await startDeployment({ store, args, tls: { cert: at('cert.pem'), key: at('key.pem') } });
  return deployment.gateways[0];
}

/** What a new connection is shown. */
async function shownBy({ url }: GatewayProcess): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return new X509Certificate(raw).fingerprint256.replaceAll(':', '').toLowerCase();
}

describe('a gateway with listen.tls that is sent SIGHUP', () => {
  it('shows new connections the new certificate, and the old one where the new pair cannot be used', async () => {
    const gateway = await open({ embedded: await newEmbeddedFolder(at('store')) });
    expect(await shownBy(gateway)).toBe(leaf.fingerprint);

    install({ cert: renewed.cert, key: leaf.key });
    gateway.child.kill('SIGHUP');
    expect(await gateway.line(stays)).toMatch(/ error listen\.tls\.key: .* does not belong to the first/);
    expect(await shownBy(gateway)).toBe(leaf.fingerprint);

    rmSync(at('key.pem'));
    gateway.child.kill('SIGHUP');
    await gateway.line(
      / error listen\.tls\.key: .* cannot be read \(ENOENT\).*the certificate that was read/,
    );
    expect(await shownBy(gateway)).toBe(leaf.fingerprint);

    install(renewed);
    gateway.child.kill('SIGHUP');
    await gateway.line(new RegExp(` info certificate: fingerprint ${renewed.fingerprint.slice(0, 16)}, `));
    expect(await shownBy(gateway)).toBe(renewed.fingerprint);
  });
});

describeWithPostgres('a gateway of workers with listen.tls that is sent SIGHUP', () => {
  it('shows the new certificate whichever worker a connection comes to', async () => {
    const database = await createTestDatabase();
    try {
      const gateway = await open({ postgres_url: database.url }, '--workers', '2');
      const said = (pattern: RegExp) => gateway.lines.filter((line) => pattern.test(line)).length;
      await expect.poll(() => said(/listening on .*\(worker/), { timeout: 30_000 }).toBe(2);
      install(renewed);
      gateway.child.kill('SIGHUP');
      const digits = new RegExp(` info certificate: fingerprint ${renewed.fingerprint.slice(0, 16)}, `);
      await expect.poll(() => said(digits), { timeout: 10_000 }).toBe(2);
      // They take turns.
      for (let i = 0; i < 4; i += 1) expect(await shownBy(gateway)).toBe(renewed.fingerprint);
      await deployment?.close();
    } finally {
      await database.drop();
    }
  });
});
