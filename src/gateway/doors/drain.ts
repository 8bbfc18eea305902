import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { HttpServer } from '../http/server.ts';

export interface DrainWindow {
  /** How long new connections are still accepted, so that balancers can notice. */
  readonly delayMs: number;
  /** How long answers under way may take after that. */
  readonly graceMs: number;
}

/**
 * Lets the answers under way come to their end: not ready, then deaf, then gone. `hurry` ends the waiting at once. A server
 * that never listened has nothing to drain.
 */
export async function drain(
  server: HttpServer,
  { delayMs, graceMs }: DrainWindow,
  hurry: AbortSignal,
  { log, clock }: { readonly log: Log; readonly clock: Clock },
): Promise<void> {
  if (!server.isListening) return;
  server.startDraining();
  const isoIn = (ms: number) => new Date(clock.now() + ms).toISOString();
  if (delayMs > 0)
    log.info(`stopping: not ready any more; new connections are accepted until ${isoIn(delayMs)}`);
  const open = server.openRequests;
  log.info(
    open === 0
      ? 'stopping: no client request is open'
      : `stopping: ${clientRequests(open)} open; waiting for them until ${isoIn(delayMs + graceMs)} at most`,
  );
  await clock.sleep(delayMs, hurry).catch(() => undefined);
  // Whoever has connected by now is accepted first: the kernel would reset them.
  await setImmediate();

  const over = new AbortController();
  const cutOff = (why: string): void => {
    if (server.openRequests > 0) log.warn(`${why}: ${clientRequests(server.openRequests)} cut off`);
    over.abort();
  };
  const onHurry = (): void => cutOff('told to stop at once');
  hurry.addEventListener('abort', onHurry);
  if (hurry.aborted) onHurry();
  const timer = setTimeout(() => cutOff(`drain window over after ${graceMs / 1000} s`), graceMs);
  await server.close(over.signal);
  clearTimeout(timer);
  hurry.removeEventListener('abort', onHurry);
  log.info('stopped');
}

function clientRequests(count: number): string {
  return count === 1 ? '1 client request is' : `${count} client requests are`;
}
