import { CodedError } from '../../kernel/coded-error.ts';
import type { Answer } from '../exchange.ts';
import type { Verdict } from './provider.ts';

/** Why an upstream did not serve: its answer, or none when the connection failed. */
export interface Failure {
  readonly verdict: Verdict;
  readonly answer: Answer | undefined;
}

/**
 * What the client gets when no upstream served, in order of preference: the last 429, the last 529, the gateway's own
 * refused credential, the last 404, the last 501, else `upstreams_failed` with the number of configured upstreams.
 */
export function finalFailure(failures: readonly Failure[], configured: number): Answer {
  const lastWith = (status: number) => failures.findLast(({ answer }) => answer?.status === status)?.answer;
  const busy = lastWith(429) ?? lastWith(529);
  if (busy) return busy;
  if (lastWith(401) ?? lastWith(403)) throw new CodedError('upstream_credentials');
  const missing = lastWith(404) ?? lastWith(501);
  if (missing) return missing;
  throw new CodedError('upstreams_failed', { facts: { attempted: configured } });
}
