import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Credentials, createCredentialStore } from '../../src/client/credentials.ts';
import { createTrustedCertificates } from '../../src/client/trusted-certificates.ts';
import { createMemoryHost, type MemoryHost, type MemoryHostOptions } from '../support/memory-host.ts';

/** A developer's configuration folder in a temporary place. */
export interface DeveloperWorld {
  readonly folder: string;
  host(options?: MemoryHostOptions): MemoryHost;
  signIn(credentials: Partial<Credentials> & { readonly gateway: string }): Promise<void>;
  stored(gateway: string): Promise<Credentials | undefined>;
  trust(hostname: string, fingerprint: string): Promise<void>;
  trusted(hostname: string): Promise<string | undefined>;
  remove(): Promise<void>;
}

export async function createDeveloperWorld(): Promise<DeveloperWorld> {
  const root = await mkdtemp(join(tmpdir(), 'sallyport-developer-'));
  const folder = join(root, 'sallyport');
  const credentials = createCredentialStore(folder, 'linux');
  const certificates = createTrustedCertificates(folder, 'linux');
  return {
    folder,
    host: (options = {}) =>
      createMemoryHost({ ...options, env: { SALLYPORT_CONFIG_DIR: folder, ...options.env } }),
    signIn: ({ gateway, ...rest }) =>
      credentials.save({
        gateway,
        email: 'ada@example.test',
        accessToken: 'access-1',
        expiresAtMs: Date.now() + 3_600_000,
        refreshToken: 'refresh-1',
        signedInAtMs: Date.now(),
        ...rest,
      }),
    stored: credentials.read,
    trust: certificates.remember,
    trusted: certificates.find,
    remove: () => rm(root, { recursive: true, force: true }),
  };
}
