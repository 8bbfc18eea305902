import { CodedError, isCodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Accepted, Answer, AnswerSource, Plan } from '../exchange.ts';
import { collectBody } from './collect-body.ts';
import { type Failure, finalFailure } from './final-failure.ts';
import type { Endpoint, Provider, Verdict } from './provider.ts';
import { answerHeaders } from './response-headers.ts';
import type { Transport, TransportAnswer } from './transport.ts';

export interface Upstream {
  readonly name: string;
  readonly provider: Provider;
  readonly transport: Transport;
}

export interface UpstreamsOptions {
  /** In the order they are tried. */
  readonly upstreams: readonly Upstream[];
  /** The wait for headers of a streamed request to an upstream that bounds it. */
  readonly ttfbMs: number;
}

/** The attempts at one request: `next` tries upstreams in order until one gives an answer for the client. */
export interface Attempts {
  /**
   * The next answer to relay: a success, or an error that is the client's. When none is left, throws CodedError
   * `upstreams_failed`, `upstream_credentials`, `not_supported`, `request_too_large`, or `client_left` after `abort`.
   */
  next(): Promise<Answer>;
  /** Tells that the answer of the last `next` broke off on its way to the client. */
  broke(fault: string): void;
  /** How many upstreams a request was sent to. */
  readonly tried: number;
  /** Ends whatever is under way; `next` then rejects. */
  abort(): void;
}

export type Send = (plan: Plan, endpoint: Endpoint, request: Accepted) => Attempts;

/** One upstream's turn: an answer for the client, or why the next upstream is asked. */
type Turn = { readonly answer: Answer } | { readonly failure: Failure };

/** Requests whose headers come only when all is done may take an hour. */
const LONGEST_ANSWER_MS = 3_600_000;

/** Sends a planned request to one upstream after the other. */
export function createUpstreams({ upstreams, ttfbMs }: UpstreamsOptions, log: Log): Send {
  return (plan, endpoint, request) => {
    const gone = new AbortController();
    const failures: Failure[] = [];
    let current: Upstream | undefined;
    let at = 0;
    let tried = 0;

    const attempt = async (upstream: Upstream, upstreamModel: string): Promise<Turn> => {
      const { provider, transport } = upstream;
      const prepared = await provider.prepare({
        endpoint,
        query: request.query,
        body: plan.body,
        upstreamModel,
        message: request.message,
        caller: plan.permit.caller,
      });
      tried += 1;
      const isBounded = plan.isStreamed && provider.boundsTimeToHeaders;
      const answer = await transport.send(prepared, isBounded ? ttfbMs : LONGEST_ANSWER_MS, gone.signal);
      const isSuccess = answer.status >= 200 && answer.status < 300;
      return isSuccess ? success(upstream, upstreamModel, answer) : refusal(upstream, upstreamModel, answer);
    };

    const success = (upstream: Upstream, upstreamModel: string, answer: TransportAnswer): Turn => {
      const encoding = answer.headers['content-encoding'];
      if (encoding === undefined || encoding === 'identity')
        return { answer: answerFrom(upstream, upstreamModel, answer, plan.isStreamed) };
      answer.abort();
      throw new Error(`it answered with content-encoding ${encoding} although identity was asked for`);
    };

    /** An error answer is the client's own, or a failure to remember while the next upstream is asked. */
    const refusal = async (
      upstream: Upstream,
      upstreamModel: string,
      answer: TransportAnswer,
    ): Promise<Turn> => {
      const body = await collectBody(answer, gone.signal);
      const verdict = upstream.provider.classify(answer.status, body);
      const { status, headers } = answer;
      const source = { status, headers, ...wholeSource(body) };
      const whole = { ...answerFrom(upstream, upstreamModel, source, false), isEventStream: false };
      if (verdict === 'request' || verdict === 'final') return { answer: whole };
      note(upstream, verdict, `answered ${status} upstream_request_id=${whole.upstreamRequestId ?? '-'}`);
      return { failure: { verdict, answer: whole } };
    };

    const unreachable = (upstream: Upstream, error: unknown): Turn => {
      const verdict = isCodedError(error, 'upstream_credentials') ? 'account' : 'broken';
      note(upstream, verdict, `failed: ${describe(error)}`);
      return { failure: { verdict, answer: undefined } };
    };

    const note = ({ name }: Upstream, verdict: Verdict, what: string): void => {
      const text = `upstream ${name} ${what} request_id=${request.requestId}`;
      if (verdict !== 'account') log.warn(text);
      else
        log.error(
          `${text}: the gateway's credential or account failed there; check upstreams[].auth of ${name}`,
        );
    };

    return {
      get tried() {
        return tried;
      },
      abort() {
        gone.abort();
      },
      broke(fault) {
        if (!current) return;
        failures.push({ verdict: 'broken', answer: undefined });
        note(current, 'broken', `broke off: ${fault}`);
      },
      async next() {
        while (at < upstreams.length) {
          const upstream = upstreams[at] as Upstream;
          at += 1;
          const upstreamModel = plan.permit.model.upstreamId(upstream.name);
          if (upstreamModel === undefined) continue;
          const unfit = unfitness(upstream, plan, endpoint);
          if (unfit) {
            failures.push({ verdict: unfit, answer: undefined });
            continue;
          }
          current = upstream;
          const turn = await attempt(upstream, upstreamModel).catch((error: unknown) => {
            if (gone.signal.aborted) throw new CodedError('client_left');
            return unreachable(upstream, error);
          });
          if (gone.signal.aborted) throw new CodedError('client_left');
          if ('answer' in turn) return turn.answer;
          failures.push(turn.failure);
        }
        return finalFailure(failures, upstreams.length);
      },
    };
  };
}

/** Why an upstream that knows the model is not asked all the same. */
function unfitness({ provider }: Upstream, { body }: Plan, endpoint: Endpoint): Verdict | undefined {
  if (endpoint === 'count_tokens' && !provider.countsTokens) return 'unsupported';
  if (body.bytes.length > (provider.maxBodyBytes ?? Number.POSITIVE_INFINITY)) return 'too_large';
  return undefined;
}

function answerFrom(
  upstream: Upstream,
  upstreamModel: string,
  source: TransportAnswer,
  isStreamExpected: boolean,
): Answer {
  const { headers, upstreamRequestId, isEventStream } = answerHeaders(source.headers, isStreamExpected);
  return {
    upstreamName: upstream.name,
    upstreamModel,
    upstreamRequestId,
    status: source.status,
    headers,
    isEventStream,
    sendsPings: upstream.provider.sendsPings,
    source,
  };
}

/** A body that is here already. */
function wholeSource(body: Buffer): AnswerSource {
  return {
    flow(sink) {
      if (body.length > 0) sink.chunk(body);
      sink.end();
    },
    pause: () => undefined,
    resume: () => undefined,
    abort: () => undefined,
  };
}

/** Network errors name codes and addresses, never content. */
function describe(error: unknown): string {
  if (error instanceof CodedError) return error.detail ?? error.code;
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : undefined;
  return code && !error.message.includes(code) ? `${code} ${error.message}` : error.message;
}
