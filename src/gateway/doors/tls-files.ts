import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CodedError } from '../../kernel/coded-error.ts';

export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
}

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** SHA-256 of the leaf certificate: 64 hex digits, lower case. Operators publish the first 16. */
  readonly fingerprint: string;
  readonly expiresAt: Date;
}

/** Reads `listen.tls`. Throws CodedError `config_invalid` naming the key and what is wrong with its file. */
export function readTlsFiles(paths: TlsPaths): TlsFiles {
  const cert = read('cert', paths.cert);
  const key = read('key', paths.key);
  const leaf = parsed('cert', paths.cert, 'a PEM certificate', () => new X509Certificate(cert));
  const privateKey = parsed('key', paths.key, 'an unencrypted PEM private key', () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) {
    throw invalid(
      'key',
      `${paths.key} does not belong to the first certificate in ${paths.cert}; ${MISMATCH_FIX}`,
    );
  }
  return {
    cert,
    key,
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    expiresAt: leaf.validToDate,
  };
}

/** What operators compare and look up. */
export function certificateLine({ fingerprint, expiresAt }: TlsFiles): string {
  return `certificate: fingerprint ${fingerprint.slice(0, 16)}, valid until ${expiresAt.toISOString()}`;
}

const MISMATCH_FIX =
  "name the key that the gateway's certificate was made with, and put that certificate before those of its authorities";
const FIXES = {
  cert: "name a file with the gateway's own certificate first, then those of its authorities, each between BEGIN CERTIFICATE and END CERTIFICATE",
  key: 'remove its passphrase (openssl pkey -in … -out …), or name the right file',
} as const;

function read(name: 'cert' | 'key', path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    throw invalid(
      name,
      `${path} cannot be read (${reason}); check the path, and that the user who runs the gateway may read it`,
    );
  }
}

/** The parser's own words may quote the key; they are left out. */
function parsed<T>(name: 'cert' | 'key', path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw invalid(name, `${path} does not hold ${what}; ${FIXES[name]}`);
  }
}

function invalid(name: 'cert' | 'key', problem: string): CodedError {
  return new CodedError('config_invalid', { detail: `listen.tls.${name}: ${problem}` });
}
