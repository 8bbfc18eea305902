import type { Clock } from '../../kernel/clock.ts';
import type { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';

const QUIET_MS = 60_000;

/** Tells the operator why sessions cannot be renewed, once a minute for each kind of failure. */
export function createOutageLog(log: Log, clock: Clock): { report(error: CodedError): void } {
  const lastAtMs = new Map<string, number>();
  return {
    report(error) {
      const kind = `${error.code} ${error.facts['kind'] ?? ''}`;
      const nowMs = clock.monotonicMs();
      const last = lastAtMs.get(kind);
      if (last !== undefined && nowMs - last < QUIET_MS) return;
      lastAtMs.set(kind, nowMs);
      log.error(
        `the identity provider does not renew sessions: ${error.detail ?? error.code}. Nobody is signed out for it; sessions end as their access tokens run out. This is logged once a minute.`,
      );
    },
  };
}
