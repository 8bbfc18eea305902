import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Revocation, Revocations, RevocationTarget, Sessions } from '../store/ports.ts';
import type { Briefly } from './briefly.ts';

/** How often each replica asks for new revocations; well below the five seconds that are promised. */
const POLL_INTERVAL_MS = 1_000;

export interface RevocationList {
  /** Whether a token of this session, issued at this moment, has been revoked. From memory: cheap enough for every request. */
  isRevoked(sid: string, sub: string, issuedAtMs: number): boolean;
  /**
   * Ends sessions: at once here, within seconds on other replicas. Resolves with how many live sessions it ended; throws
   * `store_unavailable` when it holds here only for now and will be written later.
   */
  revoke(target: RevocationTarget): Promise<number>;
  start(): Promise<void>;
  /** Tries once more to write what waits, for half a second at most, and logs how much is lost with the process. */
  stop(): Promise<void>;
}

export interface RevocationParts {
  readonly store: { readonly revocations: Revocations; readonly sessions: Sessions };
  readonly briefly: Briefly;
  readonly clock: Clock;
  readonly log: Log;
  /** The longest that any token issued now can live. */
  readonly longestTokenMs: number;
}

interface Remembered {
  readonly sinceMs: number;
  /** By the clock that only grows. */
  readonly forgetAtMs: number;
}

/**
 * Keeps every revocation that still matters in memory; goes on from there while the store is down. A calendar that is set
 * ahead and back again signs nobody in again: what was heard of is remembered for as long as a token can live from then on.
 */
export function createRevocationList({
  store,
  briefly,
  clock,
  log,
  longestTokenMs,
}: RevocationParts): RevocationList {
  const bySid = new Map<string, Remembered>();
  const bySub = new Map<string, Remembered>();
  let everyone: Remembered | undefined;
  let cursor: string | undefined;
  /** Made while the store was down. */
  let unwritten: Revocation[] = [];
  const stopping = new AbortController();
  let polling = Promise.resolve();

  const remember = ({ target, sinceMs, untilMs }: Revocation): void => {
    const keptMs = Math.max(longestTokenMs, untilMs - clock.now());
    const heard = { sinceMs, forgetAtMs: clock.monotonicMs() + keptMs };
    if ('sid' in target) bySid.set(target.sid, later(heard, bySid.get(target.sid)));
    else if ('sub' in target) bySub.set(target.sub, later(heard, bySub.get(target.sub)));
    else everyone = later(heard, everyone);
  };

  const forgetOld = (): void => {
    const nowMs = clock.monotonicMs();
    for (const [sid, { forgetAtMs }] of bySid) if (forgetAtMs < nowMs) bySid.delete(sid);
    for (const [sub, { forgetAtMs }] of bySub) if (forgetAtMs < nowMs) bySub.delete(sub);
    if (everyone && everyone.forgetAtMs < nowMs) everyone = undefined;
  };

  const write = async (revocation: Revocation): Promise<number> => {
    const { target, sinceMs, untilMs } = revocation;
    return store.sessions.revoke(target, sinceMs, untilMs);
  };

  const poll = async (): Promise<void> => {
    const found = await store.revocations.listAfter(cursor, clock.now());
    found.entries.forEach(remember);
    cursor = found.cursor;
    forgetOld();
    while (unwritten[0]) {
      await write(unwritten[0]);
      unwritten = unwritten.slice(1);
    }
  };

  const pollForever = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await clock.sleep(POLL_INTERVAL_MS, stopping.signal);
        await poll();
      } catch (error) {
        // The store says once itself that it is down; anything else is worth a line.
        if (!stopping.signal.aborted && !(error instanceof CodedError))
          log.error(`revocations: ${String(error)}`);
      }
    }
  };

  const writeOnceMore = async (): Promise<void> => {
    for (const revocation of unwritten) {
      const isWritten = await write(revocation).then(
        () => true,
        // Whatever keeps it: what is left is counted and logged.
        () => false,
      );
      if (isWritten) unwritten = unwritten.filter((other) => other !== revocation);
    }
  };

  return {
    isRevoked(sid, sub, issuedAtMs) {
      if (bySid.size > 0 && bySid.has(sid)) return true;
      if (everyone !== undefined && issuedAtMs <= everyone.sinceMs) return true;
      const person = bySub.size > 0 ? bySub.get(sub) : undefined;
      return person !== undefined && issuedAtMs <= person.sinceMs;
    },
    async revoke(target) {
      // Signing out again and again adds nothing.
      if ('sid' in target && bySid.has(target.sid)) {
        if (unwritten.some(({ target: waiting }) => 'sid' in waiting && waiting.sid === target.sid))
          throw new CodedError('store_unavailable', { detail: 'a revocation waits to be written' });
        return 0;
      }
      const now = clock.now();
      const revocation = { target, sinceMs: now, untilMs: now + longestTokenMs };
      remember(revocation);
      try {
        return await write(revocation);
      } catch (error) {
        unwritten.push(revocation);
        throw error;
      }
    },
    async start() {
      await poll();
      polling = pollForever();
    },
    async stop() {
      stopping.abort();
      await briefly(polling.then(writeOnceMore));
      if (unwritten.length === 0) return;
      log.error(
        `sign-outs that could not be written before the stop: ${unwritten.length}; those sessions are open again, sign them out once more when the store is back`,
      );
    },
  };
}

/** What both say, kept for as long as either wants. */
function later(a: Remembered, b: Remembered | undefined): Remembered {
  if (!b) return a;
  return { sinceMs: Math.max(a.sinceMs, b.sinceMs), forgetAtMs: Math.max(a.forgetAtMs, b.forgetAtMs) };
}
