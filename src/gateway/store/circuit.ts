import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Database } from './database.ts';
import { isLack, isOutage, reasonOf } from './outage.ts';

const FAILURES_TO_OPEN = 3;
const PROBE_EVERY_MS = 1_000;
const LACK_TOLD_EVERY_MS = 60_000;
/** Changes nothing, but fails on a server that answers and cannot be written to, such as a replica after a failover. */
const PROBE = "update kv set version = version where key = ''";

/** Told how the store does, for the gateway's figures. */
export interface StoreWatch {
  answered(ms: number): void;
  failed(): void;
  circuit(isOpen: boolean): void;
}

export interface CircuitParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly watch?: StoreWatch | undefined;
}

/**
 * Keeps a database that does not answer from holding up requests: after three failures in a row everything fails at once
 * with `store_unavailable`, and one probe a second finds out when it is back. One log line marks each change; a full disk,
 * on which some statements work and others do not, is told of once a minute.
 */
export function withCircuit(database: Database, { clock, log, watch }: CircuitParts): Database {
  let failures = 0;
  let isOpen = false;
  let lackToldAtMs = Number.NEGATIVE_INFINITY;
  const closing = new AbortController();

  const probe = async (): Promise<void> => {
    while (isOpen && !closing.signal.aborted) {
      try {
        await clock.sleep(PROBE_EVERY_MS, closing.signal);
        await database.query(PROBE);
        failures = 0;
        isOpen = false;
        watch?.circuit(false);
        log.info('store is answering again');
      } catch {
        // Still down, and said so already. New connections: the old ones may be waiting for an answer that never comes.
        if (!closing.signal.aborted) database.reset();
      }
    }
  };

  const open = (reason: string): void => {
    isOpen = true;
    watch?.circuit(true);
    log.error(
      `store is not answering (${reason}): sign-in and administration answer 503, signed-in developers go on; trying again every second`,
    );
    database.reset();
    void probe();
  };

  const tellOfLack = (reason: string): void => {
    const nowMs = clock.monotonicMs();
    if (nowMs - lackToldAtMs < LACK_TOLD_EVERY_MS) return;
    lackToldAtMs = nowMs;
    log.error(
      `store is short of what it needs (${reason}): sign-in and administration answer 503 where they need it, signed-in developers go on; see to its machine`,
    );
  };

  const failed = (error: unknown): CodedError => {
    failures += 1;
    watch?.failed();
    const reason = reasonOf(error);
    if (isLack(error) && !isOpen) tellOfLack(reason);
    if (failures >= FAILURES_TO_OPEN && !isOpen && !closing.signal.aborted) open(reason);
    return new CodedError('store_unavailable', { detail: reason, cause: error });
  };

  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    if (isOpen) throw new CodedError('store_unavailable', { detail: 'the circuit is open' });
    const sinceMs = clock.monotonicMs();
    const answered = (): void => {
      failures = 0;
      watch?.answered(clock.monotonicMs() - sinceMs);
    };
    try {
      const result = await work();
      answered();
      return result;
    } catch (error) {
      if (isOutage(error)) throw failed(error);
      // A refused statement is an answer.
      answered();
      throw error;
    }
  };

  return {
    query: (text, parameters) => guarded(() => database.query(text, parameters)),
    transaction: (work, timeoutMs) => guarded(() => database.transaction(work, timeoutMs)),
    reset: database.reset,
    close() {
      closing.abort();
      // Nothing that still runs will be answered.
      if (isOpen) database.reset();
      return database.close();
    },
  };
}
