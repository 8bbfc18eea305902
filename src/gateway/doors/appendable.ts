import { closeSync, openSync } from 'node:fs';
import { CodedError } from '../../kernel/coded-error.ts';

/**
 * The path of `log.audit: file:…` once it can be written: a gateway does not start without its audit trail. Throws
 * CodedError `config_invalid`.
 */
export function appendable(path: string): string {
  try {
    closeSync(openSync(path, 'a', 0o600));
    return path;
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? cause.code : 'no reason given';
    throw new CodedError('config_invalid', {
      detail: `log.audit: ${path} cannot be written (${reason}); name a file in a folder that exists and that the user who runs the gateway may write`,
      cause,
    });
  }
}
