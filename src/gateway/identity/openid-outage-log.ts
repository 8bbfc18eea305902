import type { Clock } from '../../kernel/clock.ts';
import type { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import { createOnceAMinute } from './once-a-minute.ts';

/** Tells the operator why sessions cannot be renewed, once a minute for each kind of failure. */
export function createOutageLog(log: Log, clock: Clock): { report(error: CodedError): void } {
  const onceAMinute = createOnceAMinute(clock);
  return {
    report(error) {
      onceAMinute(`${error.code} ${error.facts['kind'] ?? ''}`, (more) => {
        log.error(
          `the identity provider does not renew sessions: ${error.detail ?? error.code}. Nobody is signed out for it; sessions end as their access tokens run out. This is logged once a minute${more}`,
        );
      });
    },
  };
}
