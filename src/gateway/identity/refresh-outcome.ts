import type { Clock } from '../../kernel/clock.ts';
import { CodedError, isCodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Accepted, Audit } from '../exchange.ts';
import { createOnceAMinute } from './once-a-minute.ts';
import type { RefreshToken } from './refresh-token.ts';

/** How a refresh ended: its audit event, its line in the log, and the error that tells the client. */
export interface RefreshOutcomes {
  renewed(request: Accepted, token: RefreshToken): void;
  /** Not a refresh token of this gateway, or one that has expired. */
  unknown(request: Accepted): CodedError;
  over(request: Accepted, token: RefreshToken, reason: string): CodedError;
  /** The token has just been replaced, or is being replaced elsewhere, and that answer cannot be found yet. The provider must not see it again. */
  justReplaced(request: Accepted, token: RefreshToken): CodedError;
  /** What a failure means for the client: `invalid_grant` when it is about the person, else `temporarily_unavailable`. */
  failed(request: Accepted, token: RefreshToken, error: unknown): CodedError;
}

interface OutcomeParts {
  readonly audit: Audit;
  readonly log: Log;
  readonly clock: Clock;
}

const RETRY_AFTER_SECONDS = 10;
const PROVIDER = 'the identity provider cannot be asked right now';
const GATEWAY = 'the gateway cannot renew sessions right now';

export function createRefreshOutcomes({ audit, log, clock }: OutcomeParts): RefreshOutcomes {
  const onceAMinute = createOnceAMinute(clock);

  const record = (request: Accepted, { sid, claims }: RefreshToken, result: string, reason?: string) =>
    audit('session.refresh', request.requestId, {
      sub: claims.sub,
      email: claims.email,
      client_ip: request.clientIp,
      sid,
      result,
      reason,
    });

  const over = (request: Accepted, token: RefreshToken, reason: string): CodedError => {
    record(request, token, 'denied', reason);
    return new CodedError('invalid_grant', { facts: { status: 401 } });
  };

  const refused = (request: Accepted, token: RefreshToken, { facts, detail }: CodedError): CodedError => {
    const reason = String(facts['reason'] ?? 'refused');
    log.warn(`refresh failed request_id=${request.requestId}: ${detail ?? reason}`);
    return over(request, token, reason);
  };

  const unavailable = (request: Accepted, token: RefreshToken, error: unknown): CodedError => {
    const coded = isCodedError(error) ? error : undefined;
    record(request, token, 'unavailable', coded?.code ?? 'internal');
    const prefix = `refresh failed request_id=${request.requestId}`;
    onceAMinute(causeOf(error), (more) => {
      if (coded) log.warn(`${prefix}: ${coded.detail ?? coded.code}${more}`);
      else
        log.error(
          `${prefix}${more}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
    });
    const cause = coded?.code.startsWith('idp_') ? PROVIDER : GATEWAY;
    const facts = {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      sentence: `${cause}; your session goes on, try again shortly`,
    };
    return new CodedError('temporarily_unavailable', { facts, cause: error });
  };

  return {
    renewed: (request, token) => record(request, token, 'ok'),
    unknown(request) {
      audit('session.refresh', request.requestId, { client_ip: request.clientIp, result: 'invalid_token' });
      return new CodedError('invalid_grant', { facts: { status: 401 } });
    },
    over,
    justReplaced(request, token) {
      record(request, token, 'unavailable', 'just_replaced');
      const sentence =
        'this session was renewed a moment ago, and that answer cannot be given again yet; your session goes on, try again shortly';
      return new CodedError('temporarily_unavailable', { facts: { retryAfterSeconds: 1, sentence } });
    },
    failed(request, token, error) {
      if (isCodedError(error, 'invalid_grant') || isCodedError(error, 'temporarily_unavailable'))
        return error;
      return isCodedError(error, 'sign_in_refused')
        ? refused(request, token, error)
        : unavailable(request, token, error);
    },
  };
}

function causeOf(error: unknown): string {
  if (isCodedError(error)) return `${error.code} ${error.facts['kind'] ?? ''}`;
  return error instanceof Error ? error.name : 'unknown';
}
