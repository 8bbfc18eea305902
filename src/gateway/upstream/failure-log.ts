import { CodedError } from '../../kernel/coded-error.ts';
import { escapeControl, type Log } from '../../kernel/log.ts';
import type { Verdict } from './provider.ts';

/** One line for each upstream that did not serve. A failure of the gateway's own account there is an error, and loud. */
export function logFailure(log: Log, name: string, verdict: Verdict, what: string, requestId: string): void {
  const text = `upstream ${name} ${what} request_id=${requestId}`;
  if (verdict !== 'account' && verdict !== 'billing') log.warn(text);
  else
    log.error(`${text}: the gateway's credential or account failed there; check upstreams[].auth of ${name}`);
}

/** Error texts are a sentence or two; more would be something else. */
const LONGEST_ORIGINAL = 2_000;

/** What an upstream said of its refusal, where the developer is told less: it may name accounts and projects. */
export function logOriginal(log: Log, name: string, status: number, body: Buffer, requestId: string): void {
  const text = escapeControl(body.toString('utf8', 0, LONGEST_ORIGINAL));
  log.warn(`upstream ${name} answered ${status} request_id=${requestId}, in its own words: ${text}`);
}

/** What an upstream said as it broke off a stream, where the developer is told less. */
export function logBrokenStream(
  log: Log,
  name: string,
  upstreamRequestId: string | undefined,
  words: string,
): void {
  const id = `upstream_request_id=${upstreamRequestId ?? '-'}`;
  const text = escapeControl(words.slice(0, LONGEST_ORIGINAL));
  log.warn(`upstream ${name} broke off its stream ${id}, in its own words: ${text}`);
}

/** Network errors name codes and addresses, never content. */
export function describe(error: unknown): string {
  if (error instanceof CodedError) return error.detail ?? error.code;
  if (!(error instanceof Error)) return String(error);
  // `fetch` says no more than that it failed; why is in its cause.
  if (error.message === 'fetch failed' && error.cause !== undefined) return describe(error.cause);
  const code = 'code' in error && error.code !== undefined ? String(error.code) : undefined;
  return code && !error.message.includes(code) ? `${code} ${error.message}` : error.message;
}
