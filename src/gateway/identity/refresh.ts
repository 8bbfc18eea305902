import { createHash } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { TokenResponse } from '../../kernel/protocol.ts';
import type { Accepted, Audit } from '../exchange.ts';
import type { Sessions } from '../store/ports.ts';
import { createBriefly } from './briefly.ts';
import type { SessionIssuer } from './issue-session.ts';
import type { IdentityProvider } from './provider.ts';
import { createRecentRenewals, type Renewal } from './recent-renewals.ts';
import { createRefreshOutcomes } from './refresh-outcome.ts';
import type { RefreshToken, RefreshTokens } from './refresh-token.ts';
import type { RevocationList } from './revocations.ts';
import { createSessionRowKeeper } from './session-row.ts';
import { createTurns } from './turns.ts';

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

/**
 * The refresh grant: asks the provider, checks admission again, mints a new pair. Throws `invalid_grant` (401) only for an
 * answer about the person or the token, `temporarily_unavailable` for everything about the gateway or the network.
 */
export function createRefresh(parts: RefreshParts): Refresh {
  const { refreshTokens, provider, revocations, issue, clock } = parts;
  const outcomes = createRefreshOutcomes(parts);
  const rows = createSessionRowKeeper({ ...parts, outcomes, briefly: createBriefly(clock) });
  const recent = createRecentRenewals(clock);
  const inTurn = createTurns();

  const renew = async (request: Accepted, token: RefreshToken): Promise<Renewal> => {
    rows.refuseRevoked(request, token);
    await rows.refuseCopies(request, token);
    const { claims, refreshToken } = await provider.refresh({
      refreshToken: token.providerToken,
      claims: token.claims,
    });
    const nowMs = clock.now();
    const refreshExpiresAtMs = nowMs + parts.refreshTtlMs;
    await rows.moveOn(request, token, nowMs, refreshExpiresAtMs);
    const tokens = await issue({
      sid: token.sid,
      claims,
      providerToken: refreshToken ?? token.providerToken,
      number: token.number + 1,
      signedInAtMs: token.signedInAtMs,
      refreshExpiresAtMs,
    });
    outcomes.renewed(request, { ...token, claims });
    return { tokens, isRepeated: false };
  };

  const renewOrExplain = (request: Accepted, token: RefreshToken): Promise<Renewal> =>
    renew(request, token).catch((error: unknown) => {
      throw outcomes.failed(request, token, error);
    });

  return async (request, text) => {
    const token = await refreshTokens.open(text);
    if (!token) throw outcomes.unknown(request);
    const tokenHash = createHash('sha256').update(text).digest('base64url');
    const isRevoked = revocations.isRevoked(token.sid, token.claims.sub, token.signedInAtMs);
    const same = isRevoked ? undefined : recent.find(tokenHash);
    if (same) return (await same).tokens;
    // Refreshes of one session run one after the other.
    const renewal = inTurn(token.sid, () => renewOrExplain(request, token));
    recent.remember(tokenHash, renewal);
    return (await renewal).tokens;
  };
}
