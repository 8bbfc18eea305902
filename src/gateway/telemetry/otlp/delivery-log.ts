import type { Clock } from '../../../kernel/clock.ts';
import type { Log } from '../../../kernel/log.ts';

/** Tells an operator of bodies that did not arrive: at once, then of all the others together once a minute. */
export interface DeliveryLog {
  /** `what` continues "12 bodies …" and is one of few. */
  note(what: string, bytes: number): void;
  /** Says what is still unsaid, and nothing more. */
  close(): void;
}

const QUIET_MS = 60_000;

export function createDeliveryLog(
  destination: string,
  { log, clock }: { readonly log: Log; readonly clock: Clock },
): DeliveryLog {
  const closing = new AbortController();
  const unsaid = new Map<string, { bodies: number; bytes: number }>();
  let isQuiet = false;

  const say = (): void => {
    for (const [what, { bodies, bytes }] of unsaid) {
      const count = bodies === 1 ? '1 body' : `${bodies} bodies`;
      log.warn(`telemetry to ${destination}: ${count} (${bytes} bytes) ${what}`);
    }
    unsaid.clear();
  };

  const speakUp = (): void => {
    if (isQuiet || unsaid.size === 0) return;
    say();
    isQuiet = true;
    clock.sleep(QUIET_MS, closing.signal).then(
      () => {
        isQuiet = false;
        speakUp();
      },
      // Closed: all is said.
      () => undefined,
    );
  };

  return {
    note(what, bytes) {
      const known = unsaid.get(what) ?? { bodies: 0, bytes: 0 };
      unsaid.set(what, { bodies: known.bodies + 1, bytes: known.bytes + bytes });
      speakUp();
    },
    close() {
      say();
      closing.abort();
    },
  };
}
