import type { Clock } from '../../kernel/clock.ts';
import type { TokenResponse } from '../../kernel/protocol.ts';

/** A lost response or a second terminal shows the same token again this soon; later it is a copy. */
export const SAME_ANSWER_MS = 30_000;

export interface Renewal {
  readonly tokens: TokenResponse;
  /** What another process of the gateway has answered before: its time has begun already. */
  readonly isRepeated: boolean;
}

/** What this process has answered, or is about to, for as long as it is answered again. */
export interface RecentRenewals {
  find(tokenHash: string): Promise<Renewal> | undefined;
  /** A failure is not an answer to repeat: the next try asks again. */
  remember(tokenHash: string, renewal: Promise<Renewal>): void;
}

export function createRecentRenewals(clock: Clock): RecentRenewals {
  const recent = new Map<string, { readonly renewal: Promise<Renewal>; readonly untilMs: number }>();

  const forgetOld = (nowMs: number): void => {
    // Map keeps insertion order: those behind the first live one live as well.
    for (const [tokenHash, { untilMs }] of recent) {
      if (untilMs > nowMs) return;
      recent.delete(tokenHash);
    }
  };

  return {
    find(tokenHash) {
      forgetOld(clock.monotonicMs());
      return recent.get(tokenHash)?.renewal;
    },
    remember(tokenHash, renewal) {
      recent.delete(tokenHash);
      recent.set(tokenHash, { renewal, untilMs: clock.monotonicMs() + SAME_ANSWER_MS });
      const forget = () => void recent.delete(tokenHash);
      renewal.then(({ isRepeated }) => isRepeated && forget(), forget);
    },
  };
}
