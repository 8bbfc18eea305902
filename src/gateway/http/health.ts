import type { Clock } from '../../kernel/clock.ts';
import type { Handler } from './router.ts';

export interface HealthOptions {
  readonly ping: (signal: AbortSignal) => Promise<void>;
  readonly isDraining: () => boolean;
  /** How long /readyz stays 200 after the store was last seen. */
  readonly readinessGraceSeconds: number;
  readonly clock: Clock;
}

const PING_TIMEOUT_MS = 1_000;

/** Liveness, readiness and the connection warm-up. */
export function createHealth(options: HealthOptions): {
  readonly live: Handler;
  readonly ready: Handler;
  readonly hello: Handler;
} {
  const { ping, isDraining, readinessGraceSeconds, clock } = options;
  let lastSeenMs: number | undefined;
  let pending: Promise<boolean> | undefined;

  /** Probes that come while one is running share its answer. */
  const storeAnswers = (): Promise<boolean> => {
    pending ??= answersInTime(ping).finally(() => {
      pending = undefined;
    });
    return pending;
  };

  return {
    live: (_request, reply) => reply.json(200, { status: 'ok' }),
    hello: (_request, reply) => reply.send(200, {}),
    async ready(_request, reply) {
      if (isDraining()) return reply.json(503, { status: 'draining' }, { 'retry-after': '5' });
      const now = clock.monotonicMs();
      if (await storeAnswers()) {
        lastSeenMs = now;
        return reply.json(200, { status: 'ok' });
      }
      if (lastSeenMs !== undefined && now - lastSeenMs < readinessGraceSeconds * 1000) {
        return reply.json(200, {
          status: 'ok',
          store: 'not answering, within store.readiness_grace_seconds',
        });
      }
      reply.json(503, { status: 'store not answering' }, { 'retry-after': '5' });
    },
  };
}

/** A ping that does not hear the signal counts as silent, too. */
async function answersInTime(ping: HealthOptions['ping']): Promise<boolean> {
  const signal = AbortSignal.timeout(PING_TIMEOUT_MS);
  const silence = new Promise<boolean>((resolve) => {
    signal.addEventListener('abort', () => resolve(false), { once: true });
  });
  const answer = ping(signal).then(
    () => true,
    () => false,
  );
  return Promise.race([answer, silence]);
}
