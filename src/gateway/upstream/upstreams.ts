import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Accepted, Answer, Plan } from '../exchange.ts';
import { collectBody } from './collect-body.ts';
import { type Failure, finalFailure } from './final-failure.ts';
import type { Endpoint, Provider } from './provider.ts';
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
  /** The next answer to relay: a success, or an error that is the client's. Throws a CodedError when none is left. */
  next(): Promise<Answer>;
  /** How many upstreams a request was sent to. */
  readonly tried: number;
  /** Ends whatever is under way; `next` then rejects. */
  abort(): void;
}

/** Requests whose headers come only when all is done may take an hour. */
const LONGEST_ANSWER_MS = 3_600_000;

/** Sends a planned request to one upstream after the other. */
export function createUpstreams(
  { upstreams, ttfbMs }: UpstreamsOptions,
  log: Log,
): (plan: Plan, endpoint: Endpoint, request: Accepted) => Attempts {
  return (plan, endpoint, request) => {
    const failures: Failure[] = [];
    let at = 0;
    let tried = 0;
    let isAborted = false;
    let abortCurrent: () => void = () => undefined;

    const attempt = async (upstream: Upstream, upstreamModel: string): Promise<Answer | undefined> => {
      const { provider, transport } = upstream;
      const { body, permit, isStreamed } = plan;
      const message = request.message;
      const prepared = await provider.prepare({
        endpoint,
        query: request.query,
        body,
        upstreamModel,
        message,
        caller: permit.caller,
      });
      const isBounded = isStreamed && provider.boundsTimeToHeaders;
      tried += 1;
      const answer = await transport.send(prepared, isBounded ? ttfbMs : LONGEST_ANSWER_MS, (abort) => {
        abortCurrent = abort;
        if (isAborted) abort();
      });
      if (answer.status >= 200 && answer.status < 300) return answerFrom(upstream, upstreamModel, answer);
      return refusalFrom(upstream, upstreamModel, answer);
    };

    /** An error answer: the client's own, or a failure to remember while the next upstream is asked. */
    const refusalFrom = async (
      upstream: Upstream,
      upstreamModel: string,
      answer: TransportAnswer,
    ): Promise<Answer | undefined> => {
      const body = await collectBody(answer);
      const verdict = upstream.provider.classify(answer.status, body);
      const whole = answerFrom(upstream, upstreamModel, { ...answer, ...wholeSource(body) });
      if (verdict === 'request' || verdict === 'final') return whole;
      failures.push({ verdict, answer: whole });
      const text = `upstream ${upstream.name} answered ${answer.status} request_id=${request.requestId} upstream_request_id=${whole.upstreamRequestId ?? '-'}`;
      if (verdict === 'account')
        log.error(
          `${text}: the gateway's credential or account failed there; check upstreams[].auth of ${upstream.name}`,
        );
      else log.warn(text);
      return undefined;
    };

    return {
      get tried() {
        return tried;
      },
      abort() {
        isAborted = true;
        abortCurrent();
      },
      async next() {
        while (at < upstreams.length) {
          const upstream = upstreams[at] as Upstream;
          at += 1;
          const upstreamModel = plan.permit.model.upstreamId(upstream.name);
          if (upstreamModel === undefined) continue;
          if (plan.body.bytes.length > (upstream.provider.maxBodyBytes ?? Number.POSITIVE_INFINITY)) continue;
          try {
            const answer = await attempt(upstream, upstreamModel);
            if (answer) return answer;
          } catch (error) {
            if (isAborted) throw new CodedError('client_left');
            failures.push({ verdict: 'broken', answer: undefined });
            log.warn(`upstream ${upstream.name} failed request_id=${request.requestId}: ${describe(error)}`);
          }
          if (isAborted) throw new CodedError('client_left');
        }
        return finalFailure(failures, upstreams.length);
      },
    };
  };
}

function answerFrom(upstream: Upstream, upstreamModel: string, answer: TransportAnswer): Answer {
  const { headers, upstreamRequestId, isEventStream } = answerHeaders(answer.headers);
  return {
    upstreamName: upstream.name,
    upstreamModel,
    upstreamRequestId,
    status: answer.status,
    headers,
    isEventStream,
    sendsPings: upstream.provider.sendsPings,
    source: answer,
  };
}

/** A body that is here already. */
function wholeSource(body: Buffer): Omit<TransportAnswer, 'status' | 'headers'> {
  return {
    flow(sink) {
      sink.chunk(body);
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
