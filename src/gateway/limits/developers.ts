import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import { createMinute, type Minute } from './minute.ts';

export interface DeveloperLimits {
  /** Requests one developer may have open at once. */
  readonly concurrent: number | undefined;
  /** Requests one developer may start within a minute. */
  readonly requestsPerMinute: number | undefined;
}

/** Counts one request of a developer in, and hands back what counts it out again. Throws CodedError `rate_limited`. */
export type EnterDeveloper = (sub: string) => () => void;

interface Developer {
  open: number;
  readonly minute: Minute | undefined;
}

/** Nobody can know when a request ends; one that is told to wait longer may find the place taken again. */
const CONCURRENT_RETRY_SECONDS = 5;
const SWEEP_EVERY_SECONDS = 60;

/**
 * Keeps each developer to a number of requests at once and within a minute, in this process. Only requests that were let in
 * count. What is remembered of a developer goes a minute after their last request.
 */
export function createDeveloperLimits(limits: DeveloperLimits, clock: Clock): EnterDeveloper {
  const { concurrent = Number.POSITIVE_INFINITY, requestsPerMinute } = limits;
  if (limits.concurrent === undefined && requestsPerMinute === undefined) return () => NOTHING_TO_LEAVE;
  const developers = new Map<string, Developer>();
  let sweptAtSecond = 0;

  const sweep = (second: number): void => {
    if (second - sweptAtSecond < SWEEP_EVERY_SECONDS) return;
    sweptAtSecond = second;
    for (const [sub, developer] of developers) if (isIdle(developer, second)) developers.delete(sub);
  };

  return (sub) => {
    const second = Math.floor(clock.monotonicMs() / 1000);
    sweep(second);
    let developer = developers.get(sub);
    if (!developer) {
      const minute = requestsPerMinute === undefined ? undefined : createMinute(requestsPerMinute);
      developer = { open: 0, minute };
      developers.set(sub, developer);
    }
    const entered = developer;
    if (entered.open >= concurrent) throw tooManyAtOnce(concurrent);
    const waitSeconds = entered.minute?.start(second) ?? 0;
    if (waitSeconds > 0) throw tooManyInAMinute(requestsPerMinute ?? 0, waitSeconds);
    entered.open += 1;
    return () => {
      entered.open -= 1;
      if (entered.open === 0 && !entered.minute) developers.delete(sub);
    };
  };
}

const NOTHING_TO_LEAVE = (): void => undefined;

function isIdle({ open, minute }: Developer, second: number): boolean {
  return open === 0 && (minute?.isOver(second) ?? true);
}

function tooManyAtOnce(limit: number): CodedError {
  return limited(
    `you have ${requests(limit)} open, as many as limits.per_developer.concurrent allows; wait for one to end`,
    CONCURRENT_RETRY_SECONDS,
  );
}

function tooManyInAMinute(limit: number, waitSeconds: number): CodedError {
  return limited(
    `you have started ${requests(limit)} within a minute, as many as limits.per_developer.requests_per_minute allows; try again in ${waitSeconds} s`,
    waitSeconds,
  );
}

function requests(count: number): string {
  return count === 1 ? '1 request' : `${count} requests`;
}

function limited(sentence: string, retryAfterSeconds: number): CodedError {
  return new CodedError('rate_limited', { facts: { sentence, retryAfterSeconds } });
}
