import type { ReplyHeaders } from '../exchange.ts';

type UpstreamHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** What of an upstream's headers reaches the client. Its rate limits, organisation, cookies and banners do not. */
export const RETURNED = ['content-type', 'content-encoding', 'retry-after', 'x-should-retry'] as const;

/** What providers call the id that their support asks for. */
const REQUEST_IDS = ['request-id', 'x-request-id', 'x-amzn-requestid', 'apim-request-id'] as const;

export interface ReadHeaders {
  readonly headers: ReplyHeaders;
  readonly upstreamRequestId: string | undefined;
  readonly isEventStream: boolean;
}

/** An answer that says nothing about its type counts as the stream it was asked to be: proxies have been seen to drop the header. */
export function isEventStreamOf(upstream: UpstreamHeaders, isStreamExpected: boolean): boolean {
  const type = upstream['content-type'];
  return type === undefined ? isStreamExpected : /^text\/event-stream/i.test(String(type));
}

/** Undefined when there is none that a log could hold. */
export function requestIdOf(upstream: UpstreamHeaders): string | undefined {
  return printable(REQUEST_IDS.map((name) => upstream[name]).find((id) => id !== undefined));
}

/** Sorts an answer's headers. */
export function answerHeaders(upstream: UpstreamHeaders, isStreamExpected: boolean): ReadHeaders {
  const headers: Record<string, string> = {};
  for (const name of RETURNED) {
    const value = upstream[name];
    if (value !== undefined) headers[name] = String(value);
  }
  const upstreamRequestId = requestIdOf(upstream);
  if (upstreamRequestId !== undefined) headers['x-upstream-request-id'] = upstreamRequestId;
  const isEventStream = isEventStreamOf(upstream, isStreamExpected);
  if (isEventStream) {
    headers['content-type'] ??= 'text/event-stream';
    headers['cache-control'] = 'no-cache';
    headers['x-accel-buffering'] = 'no';
  } else {
    headers['cache-control'] = 'no-store';
  }
  return { headers, upstreamRequestId, isEventStream };
}

function printable(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value[0] : value;
  return text !== undefined && /^[\x21-\x7e]{1,200}$/.test(text) ? text : undefined;
}
