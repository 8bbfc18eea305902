import { createHash } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import { CodedError, isCodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { TokenResponse } from '../../kernel/protocol.ts';
import type { Accepted, Audit } from '../exchange.ts';
import type { Sessions } from '../store/ports.ts';
import type { SessionIssuer } from './issue-session.ts';
import type { IdentityProvider } from './provider.ts';
import type { RefreshToken, RefreshTokens } from './refresh-token.ts';
import type { RevocationList } from './revocations.ts';

export interface RefreshParts {
  readonly refreshTokens: RefreshTokens;
  readonly provider: IdentityProvider;
  readonly sessions: Sessions;
  readonly revocations: RevocationList;
  readonly issue: SessionIssuer;
  readonly refreshTtlMs: number;
  readonly audit: Audit;
  readonly log: Log;
  readonly clock: Clock;
}

export type Refresh = (request: Accepted, refreshToken: string) => Promise<TokenResponse>;

/** A lost response or a second terminal shows the same token again this soon; later it is a copy. */
const SAME_ANSWER_MS = 30_000;
/** A refresh never waits for the store: after this it goes on without. */
const STORE_BUDGET_MS = 500;
const RETRY_AFTER_SECONDS = 10;

/**
 * The refresh grant: asks the provider, checks admission again, mints a new pair. Throws `invalid_grant` (401) only for an
 * answer about the person or the token, `temporarily_unavailable` for everything about the gateway or the network.
 */
export function createRefresh(parts: RefreshParts): Refresh {
  const { refreshTokens, provider, sessions, revocations, issue, audit, log, clock } = parts;
  const recent = new Map<string, { readonly answer: Promise<TokenResponse>; expiresAtMs: number }>();
  const queues = new Map<string, Promise<unknown>>();

  const over = () => new CodedError('invalid_grant', { facts: { status: 401 } });

  const record = (request: Accepted, { sid, claims }: RefreshToken, result: string, reason?: string) =>
    audit('session.refresh', request.requestId, {
      sub: claims.sub,
      email: claims.email,
      client_ip: request.clientIp,
      sid,
      result,
      reason,
    });

  /** The store's word, or undefined when it does not come in time. */
  const briefly = async <T>(work: Promise<T>): Promise<T | undefined> => {
    const giveUp = new AbortController();
    const late = clock.sleep(STORE_BUDGET_MS, giveUp.signal).then(
      () => undefined,
      () => undefined,
    );
    const answer = work.catch((error: unknown) => {
      if (isCodedError(error, 'store_unavailable')) return undefined;
      throw error;
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      giveUp.abort();
    }
  };

  const refuseRevoked = (request: Accepted, token: RefreshToken, isRevokedInStore = false): void => {
    const { sid, claims, signedInAtMs } = token;
    if (!isRevokedInStore && !revocations.isRevoked(sid, claims.sub, signedInAtMs)) return;
    record(request, token, 'denied', 'session_revoked');
    throw over();
  };

  /** An older token than the current one, shown after its replacement has been in use for a while, is a copy. */
  const refuseCopies = async (request: Accepted, token: RefreshToken): Promise<void> => {
    const row = await briefly(sessions.find(token.sid));
    refuseRevoked(request, token, row?.revokedAtMs !== undefined);
    if (!row || token.number >= row.refreshNumber) return;
    if (clock.now() - row.renewedAtMs <= SAME_ANSWER_MS) return;
    log.warn(
      `a replaced refresh token was shown again: the session is revoked request_id=${request.requestId} sub=${token.claims.sub}`,
    );
    record(request, token, 'denied', 'reuse_detected');
    audit('session.revoke', request.requestId, {
      sub: token.claims.sub,
      client_ip: request.clientIp,
      sid: token.sid,
      reason: 'reuse_detected',
    });
    await revocations.revoke({ sid: token.sid }).catch((error: unknown) => {
      if (!isCodedError(error, 'store_unavailable')) throw error;
    });
    throw over();
  };

  /** Moves the session's row on, if the store can be asked. */
  const moveOn = async (request: Accepted, token: RefreshToken, nowMs: number): Promise<void> => {
    const { sid, number, claims, signedInAtMs } = token;
    const next = { nextNumber: number + 1, nowMs, expiresAtMs: nowMs + parts.refreshTtlMs };
    const outcome = await briefly(sessions.renew(sid, { shownNumber: number, ...next }));
    // The provider took its time: what was revoked meanwhile stays revoked.
    refuseRevoked(request, token, outcome?.kind === 'revoked');
    if (outcome?.kind !== 'unknown') return;
    const row = { sid, sub: claims.sub, client: undefined, refreshNumber: next.nextNumber };
    const times = { createdAtMs: signedInAtMs, renewedAtMs: nowMs, lastSeenAtMs: nowMs };
    await briefly(sessions.create({ ...row, ...times, expiresAtMs: next.expiresAtMs }));
  };

  const renew = async (request: Accepted, token: RefreshToken): Promise<TokenResponse> => {
    const { sid, number, signedInAtMs } = token;
    refuseRevoked(request, token);
    await refuseCopies(request, token);
    const { claims, refreshToken } = await provider.refresh({
      refreshToken: token.providerToken,
      claims: token.claims,
    });
    const nowMs = clock.now();
    await moveOn(request, token, nowMs);
    const tokens = await issue({
      sid,
      claims,
      providerToken: refreshToken ?? token.providerToken,
      number: number + 1,
      signedInAtMs,
      refreshExpiresAtMs: nowMs + parts.refreshTtlMs,
    });
    record(request, { ...token, claims }, 'ok');
    return tokens;
  };

  const renewOrExplain = async (request: Accepted, token: RefreshToken): Promise<TokenResponse> => {
    try {
      return await renew(request, token);
    } catch (error) {
      if (isCodedError(error, 'invalid_grant')) throw error;
      if (isCodedError(error, 'sign_in_refused')) {
        const reason = String(error.facts['reason'] ?? 'refused');
        record(request, token, 'denied', reason);
        log.warn(`refresh failed request_id=${request.requestId}: ${error.detail ?? reason}`);
        throw over();
      }
      record(request, token, 'unavailable', isCodedError(error) ? error.code : 'internal');
      const prefix = `refresh failed request_id=${request.requestId}`;
      if (isCodedError(error)) log.warn(`${prefix}: ${error.detail ?? error.code}`);
      else log.error(`${prefix}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      const sentence =
        'the identity provider cannot be asked right now; your session goes on, try again shortly';
      throw new CodedError('temporarily_unavailable', {
        facts: { retryAfterSeconds: RETRY_AFTER_SECONDS, sentence },
        cause: error,
      });
    }
  };

  /** Refreshes of one session run one after the other. */
  const queued = (sid: string, work: () => Promise<TokenResponse>): Promise<TokenResponse> => {
    const before = queues.get(sid) ?? Promise.resolve();
    const mine = before.then(work, work);
    queues.set(sid, mine);
    const forget = () => {
      if (queues.get(sid) === mine) queues.delete(sid);
    };
    mine.then(forget, forget);
    return mine;
  };

  const forgetOld = (nowMs: number): void => {
    for (const [key, { expiresAtMs }] of recent) {
      if (expiresAtMs > nowMs) return;
      recent.delete(key);
    }
  };

  return async (request, text) => {
    const nowMs = clock.monotonicMs();
    forgetOld(nowMs);
    const token = await refreshTokens.open(text);
    if (!token) {
      audit('session.refresh', request.requestId, { client_ip: request.clientIp, result: 'invalid_token' });
      throw over();
    }
    const key = createHash('sha256').update(text).digest('base64url');
    const same = recent.get(key);
    if (same && !revocations.isRevoked(token.sid, token.claims.sub, token.signedInAtMs)) return same.answer;
    const answer = queued(token.sid, () => renewOrExplain(request, token));
    recent.set(key, { answer, expiresAtMs: nowMs + SAME_ANSWER_MS });
    // A failure is not an answer to repeat: the next try asks again.
    answer.catch(() => recent.delete(key));
    return answer;
  };
}
