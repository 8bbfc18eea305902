import type { Clock } from '../../kernel/clock.ts';
import { withinBudget } from './openid-budget.ts';
import type { TokenAnswer } from './openid-exchange.ts';
import { createRotations } from './openid-rotation.ts';

/** What the token endpoint answered to a refresh, and the refresh token to show it next time. */
export interface RefreshAnswer extends TokenAnswer {
  readonly newest: string;
}

/**
 * The refresh request. A provider that rotates refresh tokens takes back the one it was shown, however late its answer comes:
 * so a request goes on when nobody waits for it any more, for 30 s at most, and what it brings is remembered for the next
 * refresh of that session.
 */
export interface TokenRefresh {
  /** Joins the request that is under way for this refresh token. Throws what the exchange throws. */
  ask(refreshToken: string): Promise<RefreshAnswer>;
  /** What the provider has put in the place of this refresh token, once the request that is under way is over. Never rejects. */
  successor(refreshToken: string): Promise<string | undefined>;
  /** The session has the newest token itself, or is over. */
  forget(refreshToken: string): void;
  /** Ends the requests that are under way. */
  close(): void;
}

const LIMIT_MS = 30_000;

export function createTokenRefresh(
  request: (refreshToken: string, signal: AbortSignal) => Promise<TokenAnswer>,
  clock: Clock,
): TokenRefresh {
  const rotations = createRotations();
  const underWay = new Map<string, Promise<RefreshAnswer>>();
  const closed = new AbortController();

  const send = async (refreshToken: string): Promise<RefreshAnswer> => {
    const shown = rotations.newest(refreshToken);
    const answer = await withinBudget(clock, LIMIT_MS, (late) =>
      request(shown, AbortSignal.any([late, closed.signal])),
    );
    const newest = answer.refreshToken ?? shown;
    if (newest !== shown) rotations.remember(shown, newest);
    return { ...answer, newest };
  };

  return {
    ask(refreshToken) {
      const same = underWay.get(refreshToken);
      if (same) return same;
      const answer = send(refreshToken);
      underWay.set(refreshToken, answer);
      const over = () => void underWay.delete(refreshToken);
      answer.then(over, over);
      return answer;
    },
    async successor(refreshToken) {
      await underWay.get(refreshToken)?.catch(() => undefined);
      const newest = rotations.newest(refreshToken);
      return newest === refreshToken ? undefined : newest;
    },
    forget: rotations.forget,
    close: () => closed.abort(),
  };
}
