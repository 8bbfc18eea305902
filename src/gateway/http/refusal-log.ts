import type { Clock } from '../../kernel/clock.ts';
import type { RequestErrorCode } from '../../kernel/error-codes.ts';
import type { Log } from '../../kernel/log.ts';

export interface RefusalLogParts {
  readonly log: Log;
  readonly clock: Clock;
  /** Told of every one, logged or not. */
  readonly onRefused?: ((cause: string) => void) | undefined;
}

export type Refuser = 'HTTP parser' | 'listener';

/** Notes a request that no endpoint saw. `cause` is a word of ours or of the parser's, never anything of the request. */
export type NoteRefusal = (by: Refuser, cause: string, code: RequestErrorCode, requestId: string) => void;

const QUIET_MS = 60_000;

/** One line a minute for each cause, so that nobody can flood the log; the next one says how many went without. */
export function createRefusalLog({ log, clock, onRefused }: RefusalLogParts): NoteRefusal {
  const spoken = new Map<string, { readonly atMs: number; unsaid: number }>();

  return (by, cause, code, requestId) => {
    onRefused?.(cause);
    const nowMs = clock.monotonicMs();
    const last = spoken.get(cause);
    if (last && nowMs - last.atMs < QUIET_MS) {
      last.unsaid += 1;
      return;
    }
    const more = last?.unsaid ? `; ${last.unsaid} more for this cause since the last such line` : '';
    log.warn(`request refused by the ${by} request_id=${requestId}: ${code} (${cause})${more}`);
    spoken.set(cause, { atMs: nowMs, unsaid: 0 });
  };
}
