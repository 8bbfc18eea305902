import { CodedError } from '../../kernel/coded-error.ts';
import type { Answer } from '../exchange.ts';
import type { Verdict } from './provider.ts';

/** Why an upstream did not serve. */
export interface Failure {
  readonly verdict: Verdict;
  /** Undefined when it was not asked, could not be reached or broke off. */
  readonly answer: Answer | undefined;
}

/**
 * What the client gets when no upstream served, in order of preference: the last 429, the last 529, the gateway's own
 * refused credential, the last 404 (or what else says that the model is not there), the last 501, else `upstreams_failed` with the number of configured upstreams.
 * Throws CodedError `upstream_credentials`, `not_supported`, `upstreams_failed`, and `request_too_large` when no upstream
 * could be asked for the body's size.
 */
export function finalFailure(failures: readonly Failure[], configured: number): Answer {
  const telling = failures.filter(isTelling);
  const lastWith = (status: number) => telling.findLast(({ answer }) => answer?.status === status)?.answer;
  const busy = lastWith(429) ?? lastWith(529);
  if (busy) return busy;
  if (telling.some(isCredentialFailure)) throw new CodedError('upstream_credentials');
  const missing = lastWith(404) ?? lastMissing(failures) ?? lastWith(501);
  if (missing) return missing;
  if (failures.some(({ verdict }) => verdict === 'unsupported')) throw new CodedError('not_supported');
  if (failures.length > 0 && failures.every(({ verdict }) => verdict === 'too_large'))
    throw new CodedError('request_too_large');
  throw new CodedError('upstreams_failed', { facts: { attempted: configured } });
}

/** Of an endpoint that an upstream does not serve, its answers with other statuses say nothing. */
function isTelling({ verdict, answer }: Failure): boolean {
  return verdict !== 'unsupported' || answer?.status === 501;
}

/** Some clouds say in a 400 that they do not have the model. */
function lastMissing(failures: readonly Failure[]): Answer | undefined {
  return failures.findLast(({ verdict, answer }) => verdict === 'model_missing' && answer)?.answer;
}

/** The upstream refused the credential, in whatever status, or there was none to show. Money is another matter. */
function isCredentialFailure({ verdict, answer }: Failure): boolean {
  return verdict === 'account' || answer?.status === 401 || answer?.status === 403;
}
