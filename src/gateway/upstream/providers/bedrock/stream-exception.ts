import { z } from 'zod';
import type { ShownError } from '../../provider.ts';

/** How Bedrock ends a stream that fails: the text is for the operator, `shown` for the developer. */
export class StreamException extends Error {
  override readonly name = 'StreamException';
  readonly shown: ShownError;
  /** Another upstream would say the same. */
  readonly isAboutRequest: boolean;

  constructor(exception: string, text: string) {
    super(`${exception}: ${text}`);
    this.shown = shownFor(exception, text);
    this.isAboutRequest = this.shown.type === 'invalid_request_error';
  }
}

const Payload = z.object({ message: z.string().optional(), Message: z.string().optional() });

/** What developers read in place of AWS's own words, which may name accounts. */
const SHOWN: Readonly<Record<string, ShownError>> = {
  throttlingException: { type: 'rate_limit_error', message: 'upstream rate limit exceeded' },
  validationException: { type: 'invalid_request_error', message: 'upstream rejected the request' },
  modelTimeoutException: { type: 'timeout_error', message: 'the upstream model took too long' },
  serviceUnavailableException: { type: 'overloaded_error', message: 'the upstream is overloaded' },
};
const FAILED: ShownError = { type: 'api_error', message: 'the upstream failed in the middle of the answer' };

/** From a frame of message type `exception` (named in `:exception-type`) or `error` (`:error-code`, `:error-message`). */
export function streamException(headers: ReadonlyMap<string, string>, payload: string): StreamException {
  const exception =
    headers.get(':exception-type') ?? headers.get(':error-code') ?? 'an exception without a name';
  return new StreamException(exception, headers.get(':error-message') ?? messageIn(payload));
}

function shownFor(exception: string, text: string): ShownError {
  // The only text that clients act on.
  if (exception === 'validationException' && /input is too long|prompt is too long/i.test(text))
    return { type: 'invalid_request_error', message: 'capability_rejected: prompt_too_long' };
  return SHOWN[exception] ?? FAILED;
}

function messageIn(payload: string): string {
  try {
    const { message, Message } = Payload.parse(JSON.parse(payload));
    return message ?? Message ?? '';
  } catch {
    return payload;
  }
}
