import { isCodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { HttpServer } from '../http/server.ts';
import { certificateLine, readTlsFiles, type TlsPaths } from './tls-files.ts';

/**
 * Reads `listen.tls` anew: new connections get what its files hold now. A pair that cannot be used is told of, and the one
 * in use stays. Never throws.
 */
export function renewCertificate(
  paths: TlsPaths | undefined,
  server: Pick<HttpServer, 'replaceCertificate'>,
  log: Log,
): void {
  if (!paths) return;
  try {
    const tls = readTlsFiles(paths);
    server.replaceCertificate(tls);
    log.info(certificateLine(tls));
  } catch (error) {
    log.error(`${reasonOf(error)}; new connections get the certificate that was read before`);
  }
}

/** What TLS itself says may quote the file; its code does not. */
function reasonOf(error: unknown): string {
  if (isCodedError(error)) return error.detail ?? error.code;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'for an unknown reason';
  return `listen.tls: TLS does not take the certificate (${code})`;
}
