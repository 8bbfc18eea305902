import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { HttpServer } from '../http/server.ts';

export interface DrainWindow {
  /** How long new connections are still accepted, so that balancers can notice. */
  readonly delayMs: number;
  /** How long answers under way may take after that. */
  readonly graceMs: number;
}

/** Lets the answers under way come to their end: not ready, then deaf, then gone. `hurry` ends the waiting at once. */
export async function drain(
  server: HttpServer,
  { delayMs, graceMs }: DrainWindow,
  hurry: AbortSignal,
  { log, clock }: { readonly log: Log; readonly clock: Clock },
): Promise<void> {
  server.startDraining();
  const until = new Date(clock.now() + delayMs + graceMs).toISOString();
  log.info(`stopping: ${clientRequests(server.openRequests)} open; waiting for them until ${until} at most`);
  await clock.sleep(delayMs, hurry).catch(() => undefined);

  const over = new AbortController();
  const end = (): void => over.abort();
  hurry.addEventListener('abort', end);
  if (hurry.aborted) end();
  const timer = setTimeout(() => {
    log.warn(
      `drain window over after ${Math.round(graceMs / 1000)} s: ${clientRequests(server.openRequests)} cut off`,
    );
    end();
  }, graceMs);
  if (hurry.aborted && server.openRequests > 0)
    log.warn(`told to stop at once: ${clientRequests(server.openRequests)} cut off`);
  await server.close(over.signal);
  clearTimeout(timer);
  hurry.removeEventListener('abort', end);
  log.info('stopped');
}

function clientRequests(count: number): string {
  return count === 1 ? '1 client request is' : `${count} client requests are`;
}
