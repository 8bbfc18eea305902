import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { LineWriter } from './line-writer.ts';

export interface AuditTrail {
  /** Lets new inference pass, or throws CodedError `audit_unavailable` while it could not be recorded. */
  pass(): void;
}

/**
 * Says in the log when audit lines begin to be lost and when they are written again; refuses in between, where that is
 * asked for. A refused request is an event too: the first that can be written ends the trouble.
 */
export function watchAuditTrail(
  onFailure: 'continue' | 'refuse',
  lines: Pick<LineWriter, 'watch' | 'lost'>,
  { log, clock }: { readonly log: Log; readonly clock: Clock },
): AuditTrail {
  const consequence =
    onFailure === 'refuse'
      ? 'new inference requests are refused with 503 until they can (log.on_audit_failure: refuse)'
      : 'requests go on, and lost lines are counted (log.on_audit_failure: continue)';
  let isBroken = false;
  let sinceMs = 0;
  let refused = 0;

  lines.watch((trouble) => {
    isBroken = trouble !== undefined;
    if (isBroken) {
      sinceMs = clock.monotonicMs();
      refused = 0;
      log.error(`audit lines cannot be written (${trouble}): ${consequence}`);
      return;
    }
    const seconds = Math.round((clock.monotonicMs() - sinceMs) / 1000);
    log.warn(
      `audit lines are written again after ${seconds} s; lost so far: ${lines.lost}; inference requests refused: ${refused}`,
    );
  });

  return {
    pass() {
      if (!isBroken || onFailure === 'continue') return;
      refused += 1;
      throw new CodedError('audit_unavailable');
    },
  };
}
