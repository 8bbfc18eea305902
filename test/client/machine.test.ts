import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/client/machine.ts';
import { createAuthority } from '../support/tls.ts';
import { startStandIn } from './stand-in-gateway.ts';

describe('this machine', () => {
  const machine = createMachine('linux', {});

  it('resolves its own name', async () => {
    expect(await machine.resolve('localhost')).toEqual(
      expect.arrayContaining([expect.stringMatching(/^127\.|^::1$/)]),
    );
  });

  it('knows its own address on the way to another', async () => {
    expect(await machine.ownAddressToward('127.0.0.1')).toBe('127.0.0.1');
  });

  it('verifies a private authority named in NODE_EXTRA_CA_CERTS, and only then', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-extra-'));
    const authority = createAuthority();
    const leaf = authority.issue(['DNS:localhost']);
    const server = await startStandIn({ tls: leaf });
    const bundle = join(folder, 'authority.pem');
    await writeFile(bundle, authority.certificate);

    const inspect = async (env: Record<string, string>) => {
      const { NODE_EXTRA_CA_CERTS: _, ...rest } = process.env;
      const child = fork(
        new URL('./certificate-inspector.ts', import.meta.url),
        [`https://localhost:${server.port}`],
        {
          env: { ...rest, ...env },
        },
      );
      const [message] = await once(child, 'message');
      return message;
    };
    expect(await inspect({})).toMatch(/^certificate_untrusted /);
    expect(await inspect({ NODE_EXTRA_CA_CERTS: bundle })).toBe(leaf.fingerprint);

    await server.close();
    await rm(folder, { recursive: true, force: true });
  });
});
