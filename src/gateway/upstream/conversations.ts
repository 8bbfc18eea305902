import type { Clock } from '../../kernel/clock.ts';
import { rankFor, type Weighted } from './rendezvous.ts';

/** How long an upstream's prompt cache lives without use. */
export const CACHE_LIFETIME_MS = 300_000;
/** Conversations that are away from home; beyond that the one unused for longest goes home before its time. */
const MOST_MOVED = 10_000;

/**
 * Which of several equal upstreams a conversation is with. Its home follows from its key; only while it is away from home
 * something is remembered.
 */
export interface Conversations<T extends Weighted> {
  /** `members` (those that can serve this request) in the order they are to be asked. */
  order(key: string, members: readonly T[]): readonly T[];
  /**
   * Tells which of `order` served, and so holds the cache now. It is where the conversation stays if it was there already
   * or the first of `order` cools down; one failure of a first that is well moves nobody.
   */
  served(key: string, order: readonly T[], by: T, isFirstWell: boolean): void;
}

interface Move {
  readonly name: string;
  readonly usedAtMs: number;
}

export function createConversations<T extends Weighted>(
  clock: Clock,
  mostMoved: number = MOST_MOVED,
): Conversations<T> {
  /** The one unused for longest comes first. */
  const moves = new Map<string, Move>();

  const isCold = ({ usedAtMs }: Move): boolean => clock.monotonicMs() - usedAtMs >= CACHE_LIFETIME_MS;

  const remember = (key: string, name: string): void => {
    moves.delete(key);
    moves.set(key, { name, usedAtMs: clock.monotonicMs() });
    for (const [oldest, move] of moves) {
      if (moves.size <= mostMoved && !isCold(move)) break;
      moves.delete(oldest);
    }
  };

  return {
    order(key, members) {
      const ranked = rankFor(key, members);
      const move = moves.get(key);
      if (move && isCold(move)) moves.delete(key);
      return move && !isCold(move) ? withFirst(move.name, ranked) : ranked;
    },
    served(key, [first], by, isFirstWell) {
      if (by === first ? moves.get(key)?.name === by.name : !isFirstWell) remember(key, by.name);
    },
  };
}

function withFirst<T extends Weighted>(name: string, members: readonly T[]): readonly T[] {
  const first = members.find((member) => member.name === name);
  return first ? [first, ...members.filter((member) => member !== first)] : members;
}
