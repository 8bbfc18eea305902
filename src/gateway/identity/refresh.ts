import { createHash } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { TokenResponse } from '../../kernel/protocol.ts';
import type { Accepted, Audit } from '../exchange.ts';
import type { Sessions } from '../store/ports.ts';
import type { Briefly } from './briefly.ts';
import type { SessionIssuer } from './issue-session.ts';
import type { Identity, IdentityProvider } from './provider.ts';
import { createRecentRenewals, type Renewal, SAME_ANSWER_MS } from './recent-renewals.ts';
import type { RefreshNotebook } from './refresh-notes.ts';
import { createRefreshOutcomes } from './refresh-outcome.ts';
import type { RefreshToken, RefreshTokens } from './refresh-token.ts';
import type { RevocationList } from './revocations.ts';
import { createSessionRowKeeper } from './session-row.ts';
import { createTurns } from './turns.ts';

export interface RefreshParts {
  readonly refreshTokens: RefreshTokens;
  readonly provider: IdentityProvider;
  readonly sessions: Sessions;
  readonly notes: RefreshNotebook;
  readonly briefly: Briefly;
  readonly revocations: RevocationList;
  readonly issue: SessionIssuer;
  readonly refreshTtlMs: number;
  readonly audit: Audit;
  readonly log: Log;
  readonly clock: Clock;
}

/** A refresh token that was shown. `tokenHash` is the SHA-256 of its text. */
interface Shown {
  readonly token: RefreshToken;
  readonly tokenHash: string;
}

export type Refresh = (request: Accepted, refreshToken: string) => Promise<TokenResponse>;

/** A machine that sleeps over a long weekend comes back in time. */
const REPLACED_MS = 7 * 86_400_000;

/**
 * The refresh grant: asks the provider, checks admission again, mints a new pair. Throws `invalid_grant` (401) only for an
 * answer about the person or the token, `temporarily_unavailable` for everything about the gateway or the network.
 */
export function createRefresh(parts: RefreshParts): Refresh {
  const { refreshTokens, provider, notes, revocations, issue, log, clock } = parts;
  const outcomes = createRefreshOutcomes(parts);
  const rows = createSessionRowKeeper({ ...parts, outcomes });
  const recent = createRecentRenewals(clock);
  const inTurn = createTurns();

  /** Asks the provider with the newest token that any process of the gateway has of it. */
  const askProvider = ({ token, tokenHash }: Shown, newest: string | undefined): Promise<Identity> =>
    provider.refresh({
      refreshToken: newest ?? token.providerToken,
      claims: token.claims,
      onFailed(successor) {
        const untilMs = Math.min(token.expiresAtMs, clock.now() + REPLACED_MS);
        const noted =
          successor === undefined
            ? notes.release(tokenHash)
            : notes.noteProviderToken(tokenHash, successor, untilMs);
        noted.catch((error: unknown) => {
          log.error(`what came of a failed refresh could not be noted: ${String(error)}`);
        });
      },
    });

  const renew = async (request: Accepted, shown: Shown): Promise<Renewal> => {
    const { token, tokenHash } = shown;
    rows.refuseRevoked(request, token);
    const [wasReplaced, note] = await Promise.all([
      rows.wasReplaced(request, token),
      notes.take(tokenHash, clock.now()),
    ]);
    if (note === 'taken') throw outcomes.justReplaced(request, token);
    if (note.answer) return { tokens: note.answer, isRepeated: true };
    if (wasReplaced) throw outcomes.justReplaced(request, token);
    const { claims, refreshToken } = await askProvider(shown, note.providerToken);
    const nowMs = clock.now();
    const refreshExpiresAtMs = nowMs + parts.refreshTtlMs;
    const tokens = await issue({
      sid: token.sid,
      claims,
      providerToken: refreshToken ?? note.providerToken ?? token.providerToken,
      number: token.number + 1,
      signedInAtMs: token.signedInAtMs,
      refreshExpiresAtMs,
    });
    await Promise.all([
      rows.moveOn(request, token, nowMs, refreshExpiresAtMs),
      notes.noteAnswer(tokenHash, tokens, nowMs + SAME_ANSWER_MS),
    ]);
    outcomes.renewed(request, { ...token, claims });
    return { tokens, isRepeated: false };
  };

  const renewOrExplain = (request: Accepted, shown: Shown): Promise<Renewal> =>
    renew(request, shown).catch((error: unknown) => {
      throw outcomes.failed(request, shown.token, error);
    });

  return async (request, text) => {
    const token = await refreshTokens.open(text);
    if (!token) throw outcomes.unknown(request);
    const tokenHash = createHash('sha256').update(text).digest('base64url');
    const isRevoked = revocations.isRevoked(token.sid, token.claims.sub, token.signedInAtMs);
    const same = isRevoked ? undefined : recent.find(tokenHash);
    if (same) return (await same).tokens;
    // Refreshes of one session run one after the other.
    const renewal = inTurn(token.sid, () => renewOrExplain(request, { token, tokenHash }));
    recent.remember(tokenHash, renewal);
    return (await renewal).tokens;
  };
}
