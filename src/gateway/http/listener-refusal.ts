import type { IncomingMessage } from 'node:http';
import { CodedError } from '../../kernel/coded-error.ts';

/** Lines of one head. Node versions that do not refuse more drop them unread. */
export const MAX_HEADER_LINES = 1_000;

/** Why a request that the parser could read is refused before anybody looks at it; undefined when it is not. */
export function listenerRefusal(
  message: IncomingMessage,
  url: string,
  maxUrlLength: number | undefined,
): CodedError | undefined {
  if (maxUrlLength !== undefined && url.length > maxUrlLength) return new CodedError('uri_too_long');
  if (message.rawHeaders.length >= 2 * MAX_HEADER_LINES) return new CodedError('headers_too_large');
  if (!url.startsWith('/') && url !== '*') return new CodedError('bad_request');
  return isWellFramed(message) ? undefined : new CodedError('bad_request');
}

/**
 * RFC 9112 sections 3.2 and 6.1: one Host, and one framing that is understood. The parser refuses most of the rest already,
 * but takes a line without a version for HTTP/0.9, and HTTP/2.0 for a version like another.
 */
function isWellFramed({ headers, rawHeaders, httpVersion }: IncomingMessage): boolean {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return false;
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) {
    if (headers['content-length'] !== undefined || httpVersion !== '1.1') return false;
    if (coding.toLowerCase() !== 'chunked') return false;
  }
  const hosts = countHosts(rawHeaders);
  return hosts === 1 || (hosts === 0 && httpVersion !== '1.1');
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
