import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Accepted, Answer, Plan } from '../exchange.ts';
import { refusalAnswer } from './answer.ts';
import { logFailure } from './failure-log.ts';
import type { Failure } from './final-failure.ts';
import type { Endpoint } from './provider.ts';
import type { Route } from './routing.ts';
import { StreamRefusal } from './stream-refusal.ts';
import { type Target, unfitness } from './target.ts';
import type { Question, Turn } from './turn.ts';

/** An upstream that a request was sent to. */
export interface Tried {
  readonly upstreamName: string;
  readonly upstreamModel: string;
}

/** The attempts at one request: `next` asks upstreams in turn until one gives an answer for the client. */
export interface Attempts {
  /**
   * The next answer to relay: a success, or an error that is the client's. When none is left, throws CodedError
   * `upstreams_failed`, `upstream_credentials`, `not_supported`, `request_too_large`, `bad_request` when a provider refuses
   * the request itself, or `client_left` after `abort`.
   */
  next(): Promise<Answer>;
  /** Tells that the answer of the last `next` broke off on its way to the client, and with what its source failed. */
  broke(fault: string, cause?: Error): void;
  /** How many upstreams a request was sent to. */
  tried(): number;
  /** The last of them, whether it answered or not. */
  last(): Tried | undefined;
  /** Ends whatever is under way; `next` then rejects. */
  abort(): void;
}

export interface AttemptsParts {
  /** Orders the upstreams that can serve the request. */
  readonly route: (isAble: (target: Target) => boolean) => Route<Target>;
  readonly takeTurn: (target: Target, question: Question) => Promise<Turn>;
  /** The client's answer, or the error, when no upstream is left. */
  readonly giveUp: (failures: readonly Failure[]) => Answer;
  readonly log: Log;
}

/** Nothing is asked, and no order made, before the first `next`. */
export function openAttempts(
  plan: Plan,
  endpoint: Endpoint,
  request: Accepted,
  { route, takeTurn, giveUp, log }: AttemptsParts,
): Attempts {
  const gone = new AbortController();
  const failures: Failure[] = [];
  let routed: Route<Target> | undefined;
  let left: Target[] = [];
  let current: Target | undefined;
  let tried = 0;
  let last: Tried | undefined;

  const onSend = (upstreamName: string, upstreamModel: string): void => {
    tried += 1;
    last = { upstreamName, upstreamModel };
  };
  const question: Question = { plan, endpoint, request, gone: gone.signal, onSend };

  const isAble = (target: Target): boolean => {
    if (plan.permit.model.upstreamId(target.name) === undefined) return false;
    const unfit = unfitness(target, plan, endpoint);
    if (unfit) failures.push({ verdict: unfit, answer: undefined });
    return !unfit;
  };

  const begin = (): Route<Target> => {
    const begun = route(isAble);
    left = [...begun.order];
    return begun;
  };

  return {
    tried: () => tried,
    last: () => last,
    abort: () => gone.abort(),
    broke(fault, cause) {
      if (!current) return;
      const failure = failureOf(current, cause, request.requestId);
      failures.push(failure);
      logFailure(log, current.name, failure.verdict, `broke off: ${fault}`, request.requestId);
    },
    async next() {
      routed ??= begin();
      for (;;) {
        const target = nextOf(left);
        if (!target) return giveUp(failures);
        const turn = await takeTurn(target, question);
        if (gone.signal.aborted) {
          // Nobody will want what is on its way.
          if (turn.kind === 'answer') turn.answer.source.abort();
          throw new CodedError('client_left');
        }
        if (turn.kind === 'turned_away') continue;
        left.splice(left.indexOf(target), 1);
        if (turn.kind === 'failure') {
          failures.push(turn.failure);
          continue;
        }
        current = target;
        if (endpoint === 'messages' && turn.answer.status < 300) routed.served(target);
        return turn.answer;
      }
    },
  };
}

/** What breaks off with a refusal has said why, as an answer of its own would have. */
function failureOf(target: Target, cause: Error | undefined, requestId: string): Failure {
  if (!(cause instanceof StreamRefusal)) return { verdict: 'broken', answer: undefined };
  const { refusal, judgement } = cause;
  return {
    verdict: judgement.verdict,
    answer: refusalAnswer(target, refusal, judgement.shown, requestId),
  };
}

/** The first that does not cool down; when all that are left do, the first of them. */
function nextOf(left: readonly Target[]): Target | undefined {
  return left.find(({ cooldown }) => cooldown?.health() !== 'cooling') ?? left[0];
}
