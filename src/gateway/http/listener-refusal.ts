import type { IncomingMessage } from 'node:http';
import { CodedError } from '../../kernel/coded-error.ts';
import type { RequestErrorCode } from '../../kernel/error-codes.ts';
import { isSameHost, type RequestTarget } from './request-target.ts';

/** Lines of one head. Node versions that do not refuse more drop them unread. */
export const MAX_HEADER_LINES = 1_000;

/** Every reason there is, in the words of the log and the metric, and how it is answered. */
const refusals = {
  url_length: 'uri_too_long',
  header_lines: 'headers_too_large',
  request_target: 'bad_request',
  other_host: 'bad_request',
  http_version: 'bad_request',
  framing: 'bad_request',
  no_host: 'bad_request',
  several_hosts: 'bad_request',
} as const satisfies Readonly<Record<string, RequestErrorCode>>;

export interface ListenerRefusal {
  readonly cause: keyof typeof refusals;
  readonly code: RequestErrorCode;
  readonly error: CodedError;
}

/** Why a request that the parser could read is refused before anybody looks at it; undefined when it is not. */
export function listenerRefusal(
  message: IncomingMessage,
  target: RequestTarget,
  maxUrlLength: number | undefined,
): ListenerRefusal | undefined {
  const cause = causeOf(message, target, maxUrlLength);
  if (cause === undefined) return undefined;
  const code = refusals[cause];
  return { cause, code, error: new CodedError(code) };
}

/**
 * RFC 9112 sections 3.2 and 6.1: one Host, and one framing that is understood. The parser refuses most of the rest already,
 * but takes a line without a version for HTTP/0.9, and HTTP/2.0 for a version like another.
 */
function causeOf(
  { url = '/', headers, rawHeaders, httpVersion }: IncomingMessage,
  { path, authority }: RequestTarget,
  maxUrlLength: number | undefined,
): ListenerRefusal['cause'] | undefined {
  if (maxUrlLength !== undefined && url.length > maxUrlLength) return 'url_length';
  if (rawHeaders.length >= 2 * MAX_HEADER_LINES) return 'header_lines';
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'http_version';
  if (!path.startsWith('/') && path !== '*') return 'request_target';
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) {
    if (headers['content-length'] !== undefined || httpVersion !== '1.1') return 'framing';
    if (coding.toLowerCase() !== 'chunked') return 'framing';
  }
  const hosts = countHosts(rawHeaders);
  if (hosts > 1) return 'several_hosts';
  if (hosts === 0 && httpVersion === '1.1') return 'no_host';
  return authority === undefined || isSameHost(authority, headers.host) ? undefined : 'other_host';
}

/** Node keeps the first of several. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count;
}
