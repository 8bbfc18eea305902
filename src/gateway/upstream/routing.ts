import type { Clock } from '../../kernel/clock.ts';
import { createConversations } from './conversations.ts';
import type { Cooldown } from './cooldown.ts';
import type { Weighted } from './rendezvous.ts';
import { tiersOf } from './tiers.ts';

export interface Routed extends Weighted {
  readonly priority: number;
  readonly cooldown: Cooldown | undefined;
}

/** One request's way. */
export interface Route<T> {
  /** In the order they are to be asked. */
  readonly order: readonly T[];
  /** Tells who served, and so holds the conversation's prompt cache. */
  served(by: T): void;
}

export type Routing<T> = (isAble: (upstream: T) => boolean, conversation: () => string) => Route<T>;

/** Orders upstreams by priority, and equal ones as the conversation prefers them. */
export function createRouting<T extends Routed>(upstreams: readonly T[], clock: Clock): Routing<T> {
  const tiers = tiersOf(upstreams);
  if (tiers.every((members) => members.length === 1)) {
    const inOrder = tiers.flat();
    return (isAble) => ({ order: inOrder.filter(isAble), served: () => undefined });
  }
  const shared = tiers.map((members) => ({ members, conversations: createConversations<T>(clock) }));

  return (isAble, conversation) => {
    const key = conversation();
    const parts = shared.map(({ members, conversations }) => ({
      conversations,
      order: conversations.order(key, members.filter(isAble)),
    }));
    return {
      order: parts.flatMap(({ order }) => order),
      served(by) {
        const part = parts.find(({ order }) => order.includes(by));
        const isFirstWell = part?.order[0]?.cooldown?.health() === 'well';
        part?.conversations.served(key, part.order, by, isFirstWell);
      },
    };
  };
}
