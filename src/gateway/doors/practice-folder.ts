import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '../../kernel/coded-error.ts';
import { makeFolder } from '../../kernel/make-folder.ts';

export interface PracticeFolder {
  /** For `store.embedded`. */
  readonly store: string;
  /** Signs the practice sessions; kept beside the store, so that they live as long as it does. */
  readonly jwtSecret: string;
  /** For the practice provider's refresh tokens, without which no session could be renewed. */
  readonly provider: string;
  /** Removes a temporary folder. */
  close(): void;
}

/** The folder of `gateway --dev`: the named one, which is kept, or a temporary one. Throws CodedError `store_unreachable`. */
export function openPracticeFolder(kept: string | undefined): PracticeFolder {
  try {
    const folder = kept ?? mkdtempSync(join(tmpdir(), 'sallyport-practice-'));
    makeFolder(folder, 0o700);
    return {
      store: join(folder, 'store'),
      provider: join(folder, 'practice-idp.json'),
      jwtSecret: secretIn(join(folder, 'session-secret')),
      close() {
        if (kept === undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
      },
    };
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no reason given';
    throw new CodedError('store_unreachable', {
      detail: `--data: ${kept ?? 'the temporary folder'} cannot be used (${reason}); name a folder that this user may write`,
      cause,
    });
  }
}

function secretIn(file: string): string {
  try {
    writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  return readFileSync(file, 'utf8').trim();
}
