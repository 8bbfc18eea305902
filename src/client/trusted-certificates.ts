import { join } from 'node:path';
import { z } from 'zod';
import { CodedError } from '../kernel/coded-error.ts';
import { withFileLock } from './file-lock.ts';
import type { Fingerprint } from './fingerprint.ts';
import { makePrivateFolder, readPrivateFile, writePrivateFile } from './private-file.ts';

/** The certificates a developer said yes to, by hostname. */
export interface TrustedCertificates {
  find(host: string): Promise<Fingerprint | undefined>;
  remember(host: string, fingerprint: Fingerprint): Promise<void>;
}

const format = z.object({
  version: z.literal(1),
  hosts: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)),
});

type Document = z.infer<typeof format>;

/** Throws `unsafe_file_mode` when others can read the file and `credentials_unreadable` when it makes no sense. */
export function createTrustedCertificates(folder: string, platform: NodeJS.Platform): TrustedCertificates {
  const path = join(folder, 'trusted-certificates.json');

  async function read(): Promise<Document> {
    const text = await readPrivateFile(path, platform);
    if (text === undefined) return { version: 1, hosts: {} };
    try {
      return format.parse(JSON.parse(text));
    } catch (cause) {
      const facts = { path, why: 'it is not a list of trusted certificates' };
      throw new CodedError('credentials_unreadable', { facts, cause });
    }
  }

  return {
    async find(host) {
      const { hosts } = await read();
      return Object.hasOwn(hosts, host) ? hosts[host] : undefined;
    },
    async remember(host, fingerprint) {
      await makePrivateFolder(folder, platform);
      await withFileLock(`${path}.lock`, async () => {
        const { hosts } = await read();
        const document: Document = { version: 1, hosts: { ...hosts, [host]: fingerprint } };
        await writePrivateFile(path, `${JSON.stringify(document, null, 2)}\n`, platform);
      });
    },
  };
}
