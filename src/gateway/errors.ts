import { CodedError } from '../kernel/coded-error.ts';
import type { ErrorCode, OAuthErrorCode, RequestErrorCode } from '../kernel/error-codes.ts';
import { CLIENT_LEFT_STATUS, type ReplyHeaders } from './exchange.ts';

export type Facts = Readonly<Record<string, string | number>>;

export interface Description {
  readonly status: number;
  /** `error.type` of the Messages API envelope. */
  readonly type: string;
  readonly sentence: string | ((facts: Facts) => string);
  readonly headers?: (facts: Facts) => ReplyHeaders;
}

const neverRetry = { 'x-should-retry': 'false' };
const retryAfter = (facts: Facts): ReplyHeaders => ({
  'retry-after': String(facts['retryAfterSeconds'] ?? 5),
});
const invalid = (sentence: Description['sentence'], status = 400): Description => ({
  status,
  type: 'invalid_request_error',
  sentence,
});

/** What a caller of a Messages API endpoint is told. */
export const requestErrors: Readonly<Record<RequestErrorCode, Description>> = {
  bad_request: invalid((facts) => String(facts['sentence'] ?? 'the request could not be read as HTTP/1.1')),
  body_not_object: invalid('request body must be a JSON object'),
  body_repeated_key: invalid((facts) => `request body has more than one "${facts['key']}"`),
  model_required: invalid('model is required'),
  model_not_string: invalid('model must be a string'),
  model_not_allowed: invalid(
    (facts) => `model ${facts['model']} is not allowed for you; allowed: ${facts['allowed'] || 'none'}`,
  ),
  model_unknown: invalid((facts) => `model ${facts['model']} is not in this gateway's catalog`),
  unauthenticated: {
    status: 401,
    type: 'authentication_error',
    sentence: 'sign in again: the session is missing, over or was revoked',
    headers: () => ({ ...neverRetry, 'www-authenticate': 'Bearer error="invalid_token"' }),
  },
  forbidden: { status: 403, type: 'permission_error', sentence: 'not permitted' },
  address_denied: {
    status: 403,
    type: 'permission_error',
    sentence: 'access from this address is not allowed',
  },
  not_found: {
    status: 404,
    type: 'not_found_error',
    sentence: (facts) => String(facts['sentence'] ?? 'not found'),
  },
  method_not_allowed: {
    ...invalid((facts) => `method not allowed here; allowed: ${facts['allow']}`, 405),
    headers: (facts) => ({ allow: String(facts['allow']) }),
  },
  request_timeout: {
    ...invalid('the request did not arrive in time', 408),
    headers: () => ({ connection: 'close' }),
  },
  request_too_large: {
    status: 413,
    type: 'request_too_large',
    sentence: ({ maxBytes }) =>
      maxBytes === undefined ? 'the request is too large' : `request body is larger than ${maxBytes} bytes`,
    // What is left of a body that the gateway has refused is not read.
    headers: ({ maxBytes }): ReplyHeaders => (maxBytes === undefined ? {} : { connection: 'close' }),
  },
  unsupported_encoding: invalid(
    (facts) => String(facts['sentence'] ?? 'content-encoding must be identity, gzip, br or zstd'),
    415,
  ),
  unsupported_media_type: invalid('content-type must be application/x-protobuf or application/json', 415),
  uri_too_long: invalid('the URL is too long', 414),
  headers_too_large: invalid('the request headers are too large', 431),
  rate_limited: {
    status: 429,
    type: 'rate_limit_error',
    sentence: (facts) => String(facts['sentence'] ?? 'too many requests'),
    headers: retryAfter,
  },
  not_supported: {
    status: 501,
    type: 'not_supported',
    sentence: 'not supported by the upstream',
    headers: () => neverRetry,
  },
  overloaded: {
    status: 529,
    type: 'overloaded_error',
    sentence: (facts) => String(facts['sentence'] ?? 'the gateway is overloaded; try again'),
    headers: retryAfter,
  },
  store_unavailable: {
    status: 503,
    type: 'api_error',
    sentence: "the gateway's store cannot be reached; try again shortly",
    headers: retryAfter,
  },
  audit_unavailable: {
    status: 503,
    type: 'api_error',
    sentence:
      'the gateway cannot record requests at the moment and is told not to serve without; try again shortly',
    headers: retryAfter,
  },
  upstreams_failed: {
    status: 502,
    type: 'api_error',
    sentence: (facts) => `all upstreams failed (${facts['attempted']} attempted)`,
  },
  upstream_credentials: {
    status: 502,
    type: 'api_error',
    sentence: "the gateway's own access to the model failed; please tell the gateway's operator",
  },
  upstream_refused: { status: 502, type: 'api_error', sentence: 'upstream rejected the request' },
  client_left: invalid('the client left before its request was complete', CLIENT_LEFT_STATUS),
  internal: { status: 500, type: 'api_error', sentence: 'something went wrong inside the gateway' },
};

export interface OAuthDescription {
  readonly status: number;
  readonly error: string;
  readonly description: string | ((facts: Facts) => string);
  readonly headers?: (facts: Facts) => ReplyHeaders;
}

const oauth = (
  error: string,
  description: OAuthDescription['description'],
  status = 400,
): OAuthDescription => ({
  status,
  error,
  description,
});

/** What a caller of an OAuth endpoint is told (RFC 6749 section 5.2, RFC 8628 section 3.5). */
export const oauthErrors: Readonly<Record<OAuthErrorCode, OAuthDescription>> = {
  invalid_request: oauth('invalid_request', (facts) =>
    String(facts['sentence'] ?? 'a parameter is missing, repeated or malformed'),
  ),
  invalid_grant: {
    ...oauth('invalid_grant', 'the code or token is unknown, used, expired or revoked'),
    status: 400,
  },
  unsupported_grant_type: oauth('unsupported_grant_type', 'use the device code or the refresh token grant'),
  authorization_pending: oauth(
    'authorization_pending',
    'the sign-in has not been finished in the browser yet',
  ),
  slow_down: {
    ...oauth('slow_down', (facts) =>
      String(facts['sentence'] ?? 'polling too fast; wait five seconds more between polls'),
    ),
    headers: (facts) => (facts['retryAfterSeconds'] === undefined ? {} : retryAfter(facts)),
  },
  access_denied: oauth('access_denied', 'the sign-in was refused'),
  expired_token: oauth('expired_token', 'the sign-in took too long; start again'),
  temporarily_unavailable: {
    ...oauth('temporarily_unavailable', (facts) => String(facts['sentence'] ?? 'try again shortly'), 503),
    headers: retryAfter,
  },
  csrf_rejected: oauth('invalid_request', 'This request came from another site and was blocked', 403),
  link_expired: oauth('invalid_request', 'this sign-in link has expired'),
  sign_in_refused: oauth('access_denied', 'Sign-in could not be completed', 403),
};

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: ReplyHeaders;
  readonly body: unknown;
}

/** The Messages API envelope. Whatever is not a request error is an `internal` one: nothing of it leaks. */
export function messagesError(error: unknown, requestId: string): ErrorAnswer {
  const { code, facts } = requestErrorOf(error);
  const { status, type, sentence, headers } = requestErrors[code];
  const message = typeof sentence === 'string' ? sentence : sentence(facts);
  return {
    status,
    headers: headers?.(facts) ?? {},
    body: { type: 'error', error: { type, message }, request_id: requestId },
  };
}

/** The envelope of RFC 6749 section 5.2. `facts.status` overrides the status where the protocol has two for one error. */
export function oauthError(error: unknown): ErrorAnswer {
  const code = error instanceof CodedError && isOAuthCode(error.code) ? error.code : undefined;
  const facts = error instanceof CodedError ? error.facts : {};
  if (!code) return oauthAnswerTo(requestErrorOf(error));
  const { status, error: name, description, headers } = oauthErrors[code];
  return {
    status: typeof facts['status'] === 'number' ? facts['status'] : status,
    headers: headers?.(facts) ?? {},
    body: {
      error: name,
      error_description: typeof description === 'string' ? description : description(facts),
    },
  };
}

/** Whether the error is the gateway's own fault and belongs into the operational log. */
export function isUnexpected(error: unknown): boolean {
  return !(error instanceof CodedError) || !(isRequestCode(error.code) || isOAuthCode(error.code));
}

function oauthAnswerTo({ code, facts }: { code: RequestErrorCode; facts: Facts }): ErrorAnswer {
  const { status, sentence, headers } = requestErrors[code];
  const error =
    status >= 500 ? (status === 503 ? 'temporarily_unavailable' : 'server_error') : 'invalid_request';
  return {
    status,
    headers: headers?.(facts) ?? {},
    body: { error, error_description: typeof sentence === 'string' ? sentence : sentence(facts) },
  };
}

function requestErrorOf(error: unknown): { code: RequestErrorCode; facts: Facts } {
  if (error instanceof CodedError && isRequestCode(error.code))
    return { code: error.code, facts: error.facts };
  return { code: 'internal', facts: {} };
}

function isRequestCode(code: ErrorCode): code is RequestErrorCode {
  return Object.hasOwn(requestErrors, code);
}

function isOAuthCode(code: ErrorCode): code is OAuthErrorCode {
  return Object.hasOwn(oauthErrors, code);
}
