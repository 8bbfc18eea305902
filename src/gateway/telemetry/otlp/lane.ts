import type { Clock } from '../../../kernel/clock.ts';
import type { Line, Waiting } from './backlog.ts';
import { afterAnswer, afterFailure, CLOSED, isOpen, LONGEST_RETRY_AFTER_MS, placesNow } from './breaker.ts';
import type { Forward, Outcome } from './forward.ts';
import type { OtlpBody } from './otlp-body.ts';

/** What is told of a lane's bodies: each ends once. */
export interface LaneWatch {
  delivered(): void;
  refused(body: OtlpBody, status: number): void;
  /** Its five minutes are over. */
  givenUp(body: OtlpBody, reason: string): void;
  /** It is tried again. */
  attemptFailed(body: OtlpBody, reason: string): void;
}

export interface LaneParts {
  readonly line: Line;
  readonly forward: Forward;
  readonly watch: LaneWatch;
  readonly clock: Clock;
  /** From 0 to 1, so that replicas do not all come back in the same moment. */
  readonly random: () => number;
}

/** Sends what waits in one line: the bodies of one signal on their way to one destination. */
export interface Lane {
  /** Something was added to the line. */
  wake(): void;
  /** Lifts all pauses; resolves when nothing waits any more, or when the destination has shown that it takes nothing. */
  drain(): Promise<void>;
  /** Ends what is under way. */
  close(): void;
}

const RETRY_FOR_MS = 5 * 60_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** Each body under way is in memory once more: with so many bytes of them no other begins. */
const MOST_BYTES_AT_ONCE = 8 * 1024 * 1024;

export function createLane({ line, forward, watch, clock, random }: LaneParts): Lane {
  const closing = new AbortController();
  let breaker = CLOSED;
  let underWay = 0;
  let bytesUnderWay = 0;
  let alarm: { readonly atMs: number; readonly off: AbortController } | undefined;
  let onDrained: (() => void) | undefined;

  const isFull = (nowMs: number): boolean =>
    underWay >= placesNow(breaker, nowMs) || bytesUnderWay >= MOST_BYTES_AT_ONCE;

  const pump = (): void => {
    if (closing.signal.aborted) return;
    const nowMs = clock.monotonicMs();
    while (!isFull(nowMs)) {
      const next = line.take(nowMs);
      if (!next) break;
      underWay += 1;
      bytesUnderWay += next.bytes;
      void forward(next.body, closing.signal).then((outcome) => settle(next, outcome));
    }
    setAlarm(nowMs);
  };

  const settle = (waiting: Waiting, outcome: Outcome): void => {
    underWay -= 1;
    bytesUnderWay -= waiting.bytes;
    if (closing.signal.aborted) return;
    if (outcome.kind === 'failed') failed(waiting, outcome);
    else answered(waiting, outcome);
    if (onDrained && isDrained()) onDrained();
    pump();
  };

  const answered = (waiting: Waiting, outcome: Exclude<Outcome, { kind: 'failed' }>): void => {
    breaker = afterAnswer(breaker);
    line.release(waiting);
    if (outcome.kind === 'delivered') watch.delivered();
    else watch.refused(waiting.body, outcome.status);
  };

  const failed = (waiting: Waiting, { reason, retryAfterMs }: Extract<Outcome, { kind: 'failed' }>): void => {
    const nowMs = clock.monotonicMs();
    breaker = afterFailure(breaker, retryAfterMs, nowMs);
    const { firstFailedAtMs = nowMs } = waiting;
    if (nowMs - firstFailedAtMs >= RETRY_FOR_MS) {
      line.release(waiting);
      watch.givenUp(waiting.body, reason);
      return;
    }
    watch.attemptFailed(waiting.body, reason);
    const attempts = waiting.attempts + 1;
    const waitMs = Math.max(
      waitAfter(attempts, random()),
      Math.min(retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS),
    );
    line.putBack({ ...waiting, attempts, firstFailedAtMs, dueAtMs: nowMs + waitMs });
  };

  /** Wakes up when something may be sent, unless what is under way will do that when it ends. */
  const setAlarm = (nowMs: number): void => {
    const nextDueMs = line.nextDueMs();
    const isWoken = nowMs >= breaker.pausedUntilMs && isFull(nowMs);
    const atMs = nextDueMs === undefined || isWoken ? undefined : Math.max(nextDueMs, breaker.pausedUntilMs);
    if (alarm?.atMs === atMs) return;
    alarm?.off.abort();
    alarm = undefined;
    if (atMs === undefined) return;
    const off = new AbortController();
    alarm = { atMs, off };
    clock.sleep(Math.max(1, Math.ceil(atMs - nowMs)), off.signal).then(
      () => {
        alarm = undefined;
        pump();
      },
      // Set anew, or not needed any more.
      () => undefined,
    );
  };

  const isDrained = (): boolean => underWay === 0 && (line.nextDueMs() === undefined || isOpen(breaker));

  return {
    wake: pump,
    async drain() {
      // One that has been left alone gets one more attempt.
      breaker = { ...breaker, pausedUntilMs: 0 };
      line.hurry();
      pump();
      if (underWay === 0 && line.nextDueMs() === undefined) return;
      await new Promise<void>((resolve) => {
        onDrained = resolve;
      });
    },
    close() {
      closing.abort();
      alarm?.off.abort();
      onDrained?.();
    },
  };
}

/** Doubles from a second to a minute, a quarter more or less. */
function waitAfter(attempts: number, random: number): number {
  const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (attempts - 1), LONGEST_WAIT_MS);
  return waitMs * (0.75 + random / 2);
}
