import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CodedError } from '../../kernel/coded-error.ts';

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** SHA-256 of the leaf certificate: 64 hex digits, lower case. Operators publish the first 16. */
  readonly fingerprint: string;
  readonly expiresAt: Date;
}

/** Reads `listen.tls`. Throws CodedError `config_invalid` naming the key and what is wrong with its file. */
export function readTlsFiles(paths: { readonly cert: string; readonly key: string }): TlsFiles {
  const cert = read('cert', paths.cert);
  const key = read('key', paths.key);
  const leaf = parsed('cert', paths.cert, 'a PEM certificate', () => new X509Certificate(cert));
  const privateKey = parsed('key', paths.key, 'an unencrypted PEM private key', () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) {
    throw invalid('key', `${paths.key} does not belong to the first certificate in ${paths.cert}`);
  }
  return {
    cert,
    key,
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    expiresAt: leaf.validToDate,
  };
}

function read(name: 'cert' | 'key', path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    throw invalid(name, `${path} cannot be read (${reason})`);
  }
}

/** The parser's own words may quote the key; they are left out. */
function parsed<T>(name: 'cert' | 'key', path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw invalid(name, `${path} does not hold ${what}`);
  }
}

function invalid(name: 'cert' | 'key', problem: string): CodedError {
  return new CodedError('config_invalid', { detail: `listen.tls.${name}: ${problem}` });
}
