import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';

/** Runs work that must end within `ms`: its signal aborts then. Throws CodedError `idp_unreachable`, `timed out after <ms>ms`. */
export async function withinBudget<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const done = new AbortController();
  const timedOut = () =>
    new CodedError('idp_unreachable', { detail: `timed out after ${ms}ms`, facts: { kind: 'timeout' } });
  const timer = clock.sleep(ms, done.signal).then(
    () => {
      late.abort();
      throw timedOut();
    },
    // The work was done first: this promise has nothing more to say.
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([work(late.signal), timer]);
  } catch (error) {
    throw late.signal.aborted ? timedOut() : error;
  } finally {
    done.abort();
  }
}
