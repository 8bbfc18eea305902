import type { Clock } from '../../kernel/clock.ts';
import { isCodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Accepted, Audit } from '../exchange.ts';
import type { Sessions } from '../store/ports.ts';
import type { Briefly } from './briefly.ts';
import { SAME_ANSWER_MS } from './recent-renewals.ts';
import type { RefreshOutcomes } from './refresh-outcome.ts';
import type { RefreshToken } from './refresh-token.ts';
import type { RevocationList } from './revocations.ts';

/** A session as the store has it, if the store can be asked. */
export interface SessionRowKeeper {
  /** Throws `invalid_grant` when the session is revoked, as far as this process knows. */
  refuseRevoked(request: Accepted, token: RefreshToken): void;
  /**
   * Whether the token has just been replaced. Throws `invalid_grant` when the store knows of a revocation, or when the token is a
   * copy: older than the current one, shown after its replacement has been in use for a while. Then the session is revoked.
   */
  wasReplaced(request: Accepted, token: RefreshToken): Promise<boolean>;
  /** Moves the row on to the next refresh token. Throws `invalid_grant` for what was revoked meanwhile. */
  moveOn(request: Accepted, token: RefreshToken, nowMs: number, expiresAtMs: number): Promise<void>;
}

export interface SessionRowParts {
  readonly sessions: Sessions;
  readonly revocations: RevocationList;
  readonly outcomes: RefreshOutcomes;
  readonly briefly: Briefly;
  readonly audit: Audit;
  readonly log: Log;
  readonly clock: Clock;
}

export function createSessionRowKeeper(parts: SessionRowParts): SessionRowKeeper {
  const { sessions, revocations, outcomes, briefly, audit, log, clock } = parts;

  const refuseRevoked = (request: Accepted, token: RefreshToken, isRevokedInStore = false): void => {
    const { sid, claims, signedInAtMs } = token;
    if (!isRevokedInStore && !revocations.isRevoked(sid, claims.sub, signedInAtMs)) return;
    throw outcomes.over(request, token, 'session_revoked');
  };

  const endCopied = async (request: Accepted, token: RefreshToken): Promise<never> => {
    const { sid, claims } = token;
    log.warn(
      `a replaced refresh token was shown again: the session is revoked request_id=${request.requestId} sub=${claims.sub}`,
    );
    const error = outcomes.over(request, token, 'reuse_detected');
    const { clientIp: client_ip, requestId } = request;
    audit('session.revoke', requestId, { sub: claims.sub, client_ip, sid, reason: 'reuse_detected' });
    await revocations.revoke({ sid }).catch((failure: unknown) => {
      if (!isCodedError(failure, 'store_unavailable')) throw failure;
    });
    throw error;
  };

  return {
    refuseRevoked,
    async wasReplaced(request, token) {
      const row = await briefly(sessions.find(token.sid));
      refuseRevoked(request, token, row?.revokedAtMs !== undefined);
      if (!row || token.number >= row.refreshNumber) return false;
      return clock.now() - row.renewedAtMs <= SAME_ANSWER_MS || endCopied(request, token);
    },
    async moveOn(request, token, nowMs, expiresAtMs) {
      const { sid, number, claims, signedInAtMs } = token;
      const next = { nextNumber: number + 1, nowMs, expiresAtMs };
      const outcome = await briefly(sessions.renew(sid, { shownNumber: number, ...next }));
      // The provider took its time: what was revoked meanwhile stays revoked.
      refuseRevoked(request, token, outcome?.kind === 'revoked');
      if (outcome?.kind !== 'unknown') return;
      const row = { sid, sub: claims.sub, client: undefined, refreshNumber: next.nextNumber };
      const times = { createdAtMs: signedInAtMs, renewedAtMs: nowMs, lastSeenAtMs: nowMs };
      await briefly(sessions.create({ ...row, ...times, expiresAtMs }));
    },
  };
}
