import { anthropicEnvelope } from './cloud-error-shapes.ts';
import type { Judgement, Refusal, ShownError, Verdict } from './provider.ts';

/** A refusal that came after the head of a stream, before any event: what it would have been as an answer of its own. */
export class StreamRefusal extends Error {
  override readonly name = 'StreamRefusal';
  readonly refusal: Refusal;
  readonly judgement: Judgement;

  constructor(message: string, refusal: Refusal, judgement: Judgement) {
    super(message);
    this.refusal = refusal;
    this.judgement = judgement;
  }
}

/** Whether another upstream may answer otherwise. */
export function isOthersTurn(verdict: Verdict): boolean {
  return verdict !== 'request' && verdict !== 'final';
}

/** The event that ends a stream with what the client may read. */
export function shownEvent({ type, message }: ShownError): Buffer {
  return Buffer.from(
    `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type, message } })}\n\n`,
  );
}

/** What each type is the error of when it comes as an answer. */
const STATUSES: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  timeout_error: 504,
  overloaded_error: 529,
};
const UNKNOWN_STATUS = 500;

/** The status that an error of the Messages API has as an answer. */
export function statusOfError(said: unknown): number {
  const type = anthropicEnvelope(said)?.type ?? '';
  return (Object.hasOwn(STATUSES, type) ? STATUSES[type] : undefined) ?? UNKNOWN_STATUS;
}
