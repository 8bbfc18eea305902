import type { Clock } from '../../kernel/clock.ts';
import type { Store } from '../store/ports.ts';

const EVERY_MS = 30_000;

/** Has expired rows removed every 30 s; returns how to end that. A store that is down is swept when it is back. */
export function startSweeping(store: Store, clock: Clock): () => void {
  const timer = setInterval(() => {
    // The store's circuit has said that it is down.
    store.sweep(clock.now()).catch(() => undefined);
  }, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
