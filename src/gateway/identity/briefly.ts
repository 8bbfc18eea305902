import type { Clock } from '../../kernel/clock.ts';
import { isCodedError } from '../../kernel/coded-error.ts';

/** The store's word, or undefined when it does not come in time or cannot come at all. */
export type Briefly = <T>(work: Promise<T>) => Promise<T | undefined>;

/** A refresh never waits for the store: after this it goes on without. */
const STORE_BUDGET_MS = 500;

export function createBriefly(clock: Clock): Briefly {
  return async (work) => {
    const giveUp = new AbortController();
    const late = clock.sleep(STORE_BUDGET_MS, giveUp.signal).then(
      () => undefined,
      () => undefined,
    );
    const answer = work.catch((error: unknown) => {
      if (isCodedError(error, 'store_unavailable')) return undefined;
      throw error;
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      giveUp.abort();
    }
  };
}
