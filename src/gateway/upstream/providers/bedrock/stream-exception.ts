import { escapeControl } from '../../../../kernel/log.ts';
import { ownMessage, readJson } from '../../cloud-error-shapes.ts';
import { statusOfError } from '../../stream-refusal.ts';

/** What each exception would have been as an HTTP answer, had it come before the stream began. */
const STATUSES: Readonly<Record<string, number>> = {
  validationException: 400,
  modelTimeoutException: 408,
  modelStreamErrorException: 424,
  throttlingException: 429,
  internalServerException: 500,
  serviceUnavailableException: 503,
};
const UNKNOWN_STATUS = 500;
/** A sentence or two; more would be something else. */
const LONGEST_TEXT = 2_000;

/** How Bedrock ends a stream that fails. Its words are for the operator: they may name accounts. */
export class StreamException extends Error {
  override readonly name = 'StreamException';
  readonly status: number;
  /** JSON with a `message`, as in the body of an HTTP answer. */
  readonly payload: Buffer;

  constructor(exception: string, payload: Buffer, status = STATUSES[exception] ?? UNKNOWN_STATUS) {
    super(escapeControl(`${exception}: ${ownMessage(readJson(payload))}`.slice(0, LONGEST_TEXT)));
    this.status = status;
    this.payload = payload;
  }
}

/** From a frame of message type `exception` (named in `:exception-type`) or `error` (`:error-code`, `:error-message`). */
export function streamException(headers: ReadonlyMap<string, string>, payload: Buffer): StreamException {
  const exception =
    headers.get(':exception-type') ?? headers.get(':error-code') ?? 'an exception without a name';
  const message = headers.get(':error-message');
  return new StreamException(
    exception,
    message === undefined ? payload : Buffer.from(JSON.stringify({ message })),
  );
}

/** From an `error` event of the Messages API among the others. */
export function eventException(event: string): StreamException {
  const payload = Buffer.from(event);
  return new StreamException('an error event', payload, statusOfError(readJson(payload)));
}
