import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';

export interface OverloadBounds {
  /** A second counts as late when the event loop was later than this for half of it. */
  readonly lateMs: number;
  /** It keeps up again when it was no later than this. */
  readonly calmMs: number;
}

export interface OverloadOptions extends Partial<OverloadBounds> {
  readonly judgeEveryMs?: number;
}

export interface OverloadWatch {
  /** Lets new inference pass, or throws CodedError `overloaded` while the event loop cannot keep up. */
  pass(): void;
  stop(): void;
}

/** How it stands after a judgement: overloaded or not, and how many judgements in a row have spoken against it. */
export interface Standing {
  readonly isOverloaded: boolean;
  readonly against: number;
}

export const CALM: Standing = { isOverloaded: false, against: 0 };

/** Several in a row: neither a burst nor one long task is an overload. */
const LATE_IN_A_ROW = 3;
const CALM_IN_A_ROW = 2;
const RETRY_AFTER_SECONDS = 5;
const SAMPLE_EVERY_MS = 50;

/** The standing after one judgement more. */
export function judge({ isOverloaded, against }: Standing, lagMs: number, bounds: OverloadBounds): Standing {
  const contradicts = isOverloaded ? lagMs <= bounds.calmMs : lagMs > bounds.lateMs;
  if (!contradicts) return { isOverloaded, against: 0 };
  const isEnough = against + 1 >= (isOverloaded ? CALM_IN_A_ROW : LATE_IN_A_ROW);
  return isEnough ? { isOverloaded: !isOverloaded, against: 0 } : { isOverloaded, against: against + 1 };
}

/** Judges once a second how late the event loop is, and says in the log when an overload begins and ends. */
export function createOverloadWatch(
  { lateMs = 500, calmMs = 200, judgeEveryMs = 1_000 }: OverloadOptions,
  { log, clock }: { readonly log: Log; readonly clock: Clock },
): OverloadWatch {
  const readLag = createLagMeter(clock);
  let standing = CALM;
  let sinceMs = 0;
  let refused = 0;

  const begin = (lagMs: number): void => {
    sinceMs = clock.monotonicMs();
    refused = 0;
    log.warn(
      `overloaded: the event loop is ${Math.round(lagMs)} ms late; new inference requests are refused with 529 until it keeps up again`,
    );
  };

  const end = (): void => {
    const seconds = Math.round((clock.monotonicMs() - sinceMs) / 1000);
    log.warn(`no longer overloaded after ${seconds} s; inference requests refused: ${refused}`);
  };

  const timer = setInterval(() => {
    const lagMs = readLag.take();
    const before = standing;
    standing = judge(before, lagMs, { lateMs, calmMs });
    if (standing.isOverloaded === before.isOverloaded) return;
    if (standing.isOverloaded) begin(lagMs);
    else end();
  }, judgeEveryMs);
  timer.unref();

  return {
    pass() {
      if (!standing.isOverloaded) return;
      refused += 1;
      throw new CodedError('overloaded', { facts: { retryAfterSeconds: RETRY_AFTER_SECONDS } });
    },
    stop() {
      clearInterval(timer);
      readLag.stop();
    },
  };
}

/** The median lateness of the event loop since it was last asked for. */
function createLagMeter(clock: Clock): { take(): number; stop(): void } {
  const delays = monitorEventLoopDelay({ resolution: SAMPLE_EVERY_MS });
  delays.enable();
  let takenAtMs = clock.monotonicMs();
  return {
    take() {
      const nowMs = clock.monotonicMs();
      // What it measures is the time from one sample to the next. None at all means that one turn took as long as that.
      const medianMs = delays.count === 0 ? nowMs - takenAtMs : delays.percentile(50) / 1e6;
      takenAtMs = nowMs;
      delays.reset();
      return Math.max(0, medianMs - SAMPLE_EVERY_MS);
    },
    stop: () => void delays.disable(),
  };
}
