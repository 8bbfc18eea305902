import { CompactEncrypt, compactDecrypt, decodeProtectedHeader, errors } from 'jose';
import { isCanonical } from './compact.ts';
import type { KeyRing, SessionKeys } from './keys.ts';

/** Encrypts values to compact JWEs (RFC 7516: `dir`, A256GCM) and opens them again, under any configured secret. */
export interface Sealer {
  seal(value: unknown): Promise<string>;
  /** The value, or undefined for anything that was not sealed here for this purpose. */
  open(sealed: string): Promise<unknown>;
}

/** `type` stands in the header, so that what was sealed for one purpose never opens for another. */
export function createSealer(ring: KeyRing, keyOf: (keys: SessionKeys) => Uint8Array, type: string): Sealer {
  return {
    seal(value) {
      return new CompactEncrypt(Buffer.from(JSON.stringify(value)))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', typ: type, kid: ring.current.id })
        .encrypt(keyOf(ring.current));
    },
    async open(sealed) {
      const keys = keysFor(sealed, ring, type);
      if (!keys || !isCanonical(sealed)) return undefined;
      try {
        const { plaintext } = await compactDecrypt(sealed, keyOf(keys), {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
        });
        return JSON.parse(Buffer.from(plaintext).toString('utf8'));
      } catch (error) {
        if (error instanceof errors.JOSEError || error instanceof SyntaxError) return undefined;
        throw error;
      }
    },
  };
}

function keysFor(sealed: string, ring: KeyRing, type: string): SessionKeys | undefined {
  try {
    const { kid, typ } = decodeProtectedHeader(sealed);
    return typ === type ? ring.all.find(({ id }) => id === kid) : undefined;
  } catch {
    // Not a JWE at all.
    return undefined;
  }
}
