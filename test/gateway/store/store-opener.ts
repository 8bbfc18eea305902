// A process of its own for the store's tests: opens a store, says so, and leaves.
import { openStore, type StoreOptions } from '../../../src/gateway/store/open.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { CodedError } from '../../../src/kernel/coded-error.ts';
import { createMemoryLog } from '../../support/memory-log.ts';

/** What the process reports when it has opened the store, or failed to. */
export interface Opening {
  readonly error?: { readonly code: string; readonly detail: string | undefined };
  readonly log: readonly string[];
}

const log = createMemoryLog();
const report = (opening: Omit<Opening, 'log'>) => process.send?.({ ...opening, log: log.lines });

process.once('message', async (options: StoreOptions) => {
  try {
    const store = await openStore(options, { clock: systemClock, log });
    report({});
    // Held until told to leave.
    process.once('message', async () => {
      await store.close();
      process.disconnect?.();
    });
  } catch (error) {
    report({
      error:
        error instanceof CodedError
          ? { code: error.code, detail: error.detail }
          : { code: 'unexpected', detail: String(error) },
    });
    process.disconnect?.();
  }
});
process.send?.('ready');
