import type { ReplyHeaders } from '../exchange.ts';

type UpstreamHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** What of an upstream's headers reaches the client. Its rate limits, organisation, cookies and banners do not. */
const RETURNED = [
  'content-type',
  'content-encoding',
  'content-length',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
] as const;

export interface ReadHeaders {
  readonly headers: ReplyHeaders;
  readonly upstreamRequestId: string | undefined;
  readonly isEventStream: boolean;
}

export function answerHeaders(upstream: UpstreamHeaders): ReadHeaders {
  const headers: Record<string, string> = {};
  for (const name of RETURNED) {
    const value = upstream[name];
    if (value !== undefined) headers[name] = String(value);
  }
  const upstreamRequestId = printable(upstream['request-id'] ?? upstream['x-request-id']);
  if (upstreamRequestId !== undefined) headers['x-upstream-request-id'] = upstreamRequestId;
  const isEventStream = headers['content-type']?.startsWith('text/event-stream') ?? false;
  if (isEventStream) {
    headers['x-accel-buffering'] = 'no';
    headers['cache-control'] = 'no-cache';
    delete headers['content-length'];
  } else {
    headers['cache-control'] = 'no-store';
  }
  return { headers, upstreamRequestId, isEventStream };
}

function printable(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value[0] : value;
  return text !== undefined && /^[\x21-\x7e]{1,200}$/.test(text) ? text : undefined;
}
