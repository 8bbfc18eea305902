import type { Clock } from '../../kernel/clock.ts';
import { CodedError, isCodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import { retryAfterMs } from '../../kernel/retry-after.ts';
import type { Accepted, Answer, Plan } from '../exchange.ts';
import { answerFrom, refusalAnswer } from './answer.ts';
import { collectBody } from './collect-body.ts';
import type { ConnectionLimit } from './connection-limit.ts';
import { type Outcome, SHORT_REST_MS } from './cooldown.ts';
import { describe, logFailure, logOriginal } from './failure-log.ts';
import type { Failure } from './final-failure.ts';
import type {
  Endpoint,
  Judgement,
  OutgoingRequest,
  Provider,
  Refusal,
  TransportAnswer,
  Verdict,
} from './provider.ts';
import { isOthersTurn } from './stream-refusal.ts';
import { type HeadersWait, streamedAnswer, WHOLE_ANSWER } from './timeouts.ts';
import type { Transport } from './transport.ts';

/** Whom to ask. */
export interface Asked {
  readonly name: string;
  readonly provider: Provider;
  readonly transport: Transport;
  /** Undefined: as many requests at a time as there are. */
  readonly limit: ConnectionLimit | undefined;
}

/** What to ask, the same for all turns of one request. */
export interface Question {
  readonly plan: Plan;
  readonly endpoint: Endpoint;
  readonly request: Accepted;
  /** The client is not there any more. */
  readonly gone: AbortSignal;
  /** Called as the request goes out to an upstream, with the id that the model has there. */
  readonly onSend: (upstreamName: string, upstreamModel: string) => void;
}

/**
 * How one upstream's turn went: an answer for the client, why the next upstream is asked, or that it could not be asked now
 * and the choice is to be made anew. `outcome` is for its cooldown.
 */
export type Turn =
  | { readonly kind: 'answer'; readonly answer: Answer; readonly outcome: Outcome }
  | { readonly kind: 'failure'; readonly failure: Failure; readonly outcome: Outcome }
  | { readonly kind: 'turned_away'; readonly outcome: Outcome };

export interface TurnParts {
  readonly clock: Clock;
  readonly log: Log;
}

export interface TurnOptions {
  /**
   * The wait for headers of a streamed request to an upstream that bounds it, and for a place at one that limits them;
   * 120,000 unless given.
   */
  readonly ttfbMs: number | undefined;
}

const ANSWERED: Outcome = { kind: 'answered' };
const FAILED: Outcome = { kind: 'failed' };
const NOT_REACHED: Outcome = { kind: 'refused', restMs: SHORT_REST_MS, reason: 'not_reached' };
const UNKNOWN: Outcome = { kind: 'unknown' };

const UNSUPPORTED: Turn = {
  kind: 'failure',
  failure: { verdict: 'unsupported', answer: undefined },
  outcome: UNKNOWN,
};

const DEFAULT_TTFB_MS = 120_000;

/** How often a request goes to one upstream again, with another credential or without what was refused. */
const MOST_REPEATS = 3;

export type TakeTurn = (asked: Asked, question: Question) => Promise<Turn>;

/** What a request that waited for its place has, and has to give back. */
interface Place {
  /** For the headers of a streamed answer: what is left of the time. */
  readonly wait: HeadersWait;
  /** Call it as soon as nothing more comes from the upstream. */
  readonly release: (() => void) | undefined;
}

/**
 * Asks an upstream that knows the model, once it has a place for the request. The turn rejects with CodedError
 * `client_left`, or `bad_request` when the provider refuses the request itself.
 */
export function createTurns({ ttfbMs = DEFAULT_TTFB_MS }: TurnOptions, parts: TurnParts): TakeTurn {
  const { clock, log } = parts;
  const atOnce: Place = { wait: streamedAnswer(ttfbMs, ttfbMs), release: undefined };

  const inLine = async (asked: Asked, limit: ConnectionLimit, question: Question): Promise<Turn> => {
    const startedAtMs = clock.monotonicMs();
    const taken = await limit.take(ttfbMs, question.gone);
    if (taken === 'gone') throw new CodedError('client_left');
    if (taken === 'turned_away') return { kind: 'turned_away', outcome: UNKNOWN };
    if (taken === 'timed_out') {
      const what = `failed: no place within ${ttfbMs} ms (upstreams[].max_connections of ${asked.name})`;
      logFailure(log, asked.name, 'broken', what, question.request.requestId);
      return { kind: 'failure', failure: { verdict: 'broken', answer: undefined }, outcome: UNKNOWN };
    }
    const leftMs = Math.max(1, ttfbMs - (clock.monotonicMs() - startedAtMs));
    // One turn of the event loop later: an answer that starts a cooldown turns those away who wait, before one gets the place.
    const release = onceOnly(() => setImmediate(limit.release));
    return ask(asked, question, { wait: streamedAnswer(leftMs, ttfbMs), release }, parts);
  };

  return (asked, question) =>
    asked.limit ? inLine(asked, asked.limit, question) : ask(asked, question, atOnce, parts);
}

async function ask(
  asked: Asked,
  question: Question,
  { wait, release }: Place,
  parts: TurnParts,
): Promise<Turn> {
  const { name, provider, transport } = asked;
  const { plan, endpoint, request, gone } = question;
  const { model, requestedModel, caller } = plan.permit;
  const upstreamModel = model.upstreamId(name) ?? requestedModel;
  const outgoing: OutgoingRequest = {
    endpoint,
    isStreamed: plan.isStreamed,
    query: request.query,
    body: plan.body,
    upstreamModel,
    message: request.message,
    caller,
  };
  try {
    for (let repeatsLeft = MOST_REPEATS; ; repeatsLeft -= 1) {
      const prepared = await provider.prepare(outgoing);
      if (repeatsLeft === MOST_REPEATS) question.onSend(name, upstreamModel);
      const isBounded = plan.isStreamed && provider.boundsTimeToHeaders;
      const sending = release && createSending(release);
      const answer = await transport.send(prepared, isBounded ? wait : WHOLE_ANSWER, gone, sending?.over);
      if (answer.status >= 200 && answer.status < 300) {
        sending?.isLast();
        return success(asked, answer, outgoing);
      }
      const refused = {
        status: answer.status,
        headers: answer.headers,
        body: await collectBody(answer, gone),
        request: outgoing,
      };
      const judgement = provider.judge(refused);
      if (judgement.isWorthRepeating && repeatsLeft > 0 && !gone.aborted) continue;
      release?.();
      return refusal(asked, refused, judgement, request.requestId, parts);
    }
  } catch (error) {
    release?.();
    if (gone.aborted) throw new CodedError('client_left');
    if (isCodedError(error, 'bad_request')) throw error;
    if (isCodedError(error, 'not_supported')) return UNSUPPORTED;
    return unreachable(asked, error, question, parts);
  }
}

/** A repeat keeps the place that the request has: it is given back once the sending that proves the last is over. */
function createSending(release: () => void): { over(): void; isLast(): void } {
  let isOver = false;
  let isLast = false;
  return {
    over() {
      isOver = true;
      if (isLast) release();
    },
    isLast() {
      isLast = true;
      if (isOver) release();
    },
  };
}

function success(asked: Asked, answer: TransportAnswer, request: OutgoingRequest): Turn {
  const encoding = answer.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    answer.abort();
    throw new Error(`it answered with content-encoding ${encoding} although identity was asked for`);
  }
  const translated = asked.provider.translate?.(answer, request) ?? answer;
  return {
    kind: 'answer',
    answer: answerFrom(asked, request.upstreamModel, translated, request.isStreamed),
    outcome: ANSWERED,
  };
}

/** An error answer is the client's own, or a failure to remember while the next upstream is asked. */
function refusal(
  asked: Asked,
  refused: Refusal,
  { verdict, shown }: Judgement,
  requestId: string,
  { clock, log }: TurnParts,
): Turn {
  const { status, headers, body } = refused;
  if (shown) logOriginal(log, asked.name, status, body, requestId);
  const answer = refusalAnswer(asked, refused, shown, requestId);
  if (!isOthersTurn(verdict)) return { kind: 'answer', answer, outcome: ANSWERED };
  const what = `answered ${status} upstream_request_id=${answer.upstreamRequestId ?? '-'}`;
  logFailure(log, asked.name, verdict, what, requestId);
  const restMs = retryAfterMs(headers['retry-after'], clock.now());
  return {
    kind: 'failure',
    failure: { verdict, answer },
    outcome: outcomeOf(verdict, status, restMs),
  };
}

function outcomeOf(verdict: Verdict, status: number, restMs: number | undefined): Outcome {
  if (verdict === 'broken') return FAILED;
  if (verdict !== 'capacity') return ANSWERED;
  return restMs ? { kind: 'refused', restMs, reason: `answered_${status}` } : FAILED;
}

function unreachable(
  { name, transport }: Asked,
  error: unknown,
  question: Question,
  { log }: TurnParts,
): Turn {
  const hasNoCredential = isCodedError(error, 'upstream_credentials');
  const verdict = hasNoCredential ? 'account' : 'broken';
  logFailure(log, name, verdict, `failed: ${describe(error)}`, question.request.requestId);
  const asked: Outcome = transport.isUnreached(error) ? NOT_REACHED : FAILED;
  return {
    kind: 'failure',
    failure: { verdict, answer: undefined },
    outcome: hasNoCredential ? UNKNOWN : asked,
  };
}

function onceOnly(call: () => void): () => void {
  let isCalled = false;
  return () => {
    if (isCalled) return;
    isCalled = true;
    call();
  };
}
