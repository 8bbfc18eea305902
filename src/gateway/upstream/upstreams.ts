import type { Accepted, AnswerSource, Plan } from '../exchange.ts';
import { type Attempts, openAttempts } from './attempts.ts';
import type { Cooldown, Outcome } from './cooldown.ts';
import { finalFailure } from './final-failure.ts';
import type { Endpoint } from './provider.ts';
import { createRouting } from './routing.ts';
import { openTarget, type Target, type TargetParts, type Upstream } from './target.ts';
import { createTurns, type Question, type TakeTurn, type Turn, type TurnOptions } from './turn.ts';

export interface UpstreamsOptions extends TurnOptions {
  readonly upstreams: readonly Upstream[];
}

export type Send = (plan: Plan, endpoint: Endpoint, request: Accepted) => Attempts;

/** Sends a planned request to one upstream after the other, those in their cooldown last. */
export function createUpstreams({ upstreams, ttfbMs }: UpstreamsOptions, parts: TargetParts): Send {
  const targets = upstreams.map((upstream) => openTarget(upstream, upstreams.length > 1, parts));
  const route = createRouting(targets, parts.clock);
  const takeTurn = rememberingTurns(createTurns({ ttfbMs }, parts));

  return (plan, endpoint, request) =>
    openAttempts(plan, endpoint, request, {
      route: (isAble) => route(isAble, () => conversationOf(request, plan)),
      takeTurn,
      giveUp: (failures) => finalFailure(failures, upstreams.length),
      log: parts.log,
    });
}

/** Turns whose outcome the upstream's cooldown hears of. */
function rememberingTurns(takeTurn: TakeTurn): (target: Target, question: Question) => Promise<Turn> {
  const remembered = async (target: Target, cooldown: Cooldown, question: Question): Promise<Turn> => {
    const trial = cooldown.begin();
    const finish = (outcome: Outcome): void => cooldown.finish(trial, outcome, question.request.requestId);
    let turn: Turn;
    try {
      turn = await takeTurn(target, question);
    } catch (error) {
      finish({ kind: 'unknown' });
      throw error;
    }
    if (trial && turn.kind === 'answer') return finishingTurn(turn, finish);
    finish(turn.outcome);
    return turn;
  };

  return (target, question) =>
    target.cooldown ? remembered(target, target.cooldown, question) : takeTurn(target, question);
}

/** A head is no answer yet: a trial has succeeded with the first byte, and failed with what breaks off before it. */
function finishingTurn(turn: Extract<Turn, { kind: 'answer' }>, finish: (outcome: Outcome) => void): Turn {
  const { source } = turn.answer;
  let isFinished = false;
  const finishOnce = (outcome: Outcome): void => {
    if (!isFinished) finish(outcome);
    isFinished = true;
  };
  const flow: AnswerSource['flow'] = (sink) =>
    source.flow({
      chunk(bytes) {
        finishOnce(turn.outcome);
        sink.chunk(bytes);
      },
      end() {
        finishOnce(turn.answer.isEventStream ? { kind: 'failed' } : turn.outcome);
        sink.end();
      },
      fail(error) {
        finishOnce({ kind: 'failed' });
        sink.fail(error);
      },
    });
  const abort = (): void => {
    finishOnce({ kind: 'unknown' });
    source.abort();
  };
  return { ...turn, answer: { ...turn.answer, source: { ...source, flow, abort } } };
}

/** Longer ones are not kept in memory. */
const LONGEST_SESSION_ID = 200;

/** What an upstream's prompt cache is good for: a client's session, or a developer whose client has none. */
function conversationOf({ headers }: Accepted, { permit }: Plan): string {
  const id = headers['x-claude-code-session-id'];
  const { sub } = permit.caller;
  return typeof id === 'string' && id !== '' && id.length <= LONGEST_SESSION_ID ? `${sub}\0${id}` : sub;
}
