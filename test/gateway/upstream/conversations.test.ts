import { describe, expect, it } from 'vitest';
import { CACHE_LIFETIME_MS, createConversations } from '../../../src/gateway/upstream/conversations.ts';
import { rankFor } from '../../../src/gateway/upstream/rendezvous.ts';
import { createManualClock } from '../../support/manual-clock.ts';

const members = ['a', 'b', 'c'].map((name) => ({ name, weight: 1 }));

function openConversations(mostMoved?: number) {
  const clock = createManualClock();
  const conversations = createConversations<(typeof members)[number]>(clock, mostMoved);
  const home = (key: string) => rankFor(key, members)[0]?.name;
  const order = (key: string, able = members) => conversations.order(key, able);
  /** The place of that number in the conversation's order serves; its first is well, or not. */
  const serve = (key: string, place: number, isFirstWell: boolean): string => {
    const asked = order(key);
    const by = asked[place];
    if (!by) throw new Error('no such place');
    conversations.served(key, asked, by, isFirstWell);
    return by.name;
  };
  return { clock, home, order, serve };
}

describe('a conversation', () => {
  it('is at home, however often it is served there', () => {
    const { home, order, serve } = openConversations();
    serve('k', 0, true);
    serve('k', 0, true);
    expect(order('k')[0]?.name).toBe(home('k'));
  });

  it('does not move for one failure of an upstream that is well', () => {
    const { home, order, serve } = openConversations();
    serve('k', 1, true);
    expect(order('k')[0]?.name).toBe(home('k'));
  });

  it('moves when its upstream cools down, and stays there as long as it is used', () => {
    const { clock, home, order, serve } = openConversations();
    const away = serve('k', 1, false);
    expect(away).not.toBe(home('k'));
    for (let i = 0; i < 5; i += 1) {
      clock.advance(CACHE_LIFETIME_MS - 1);
      expect(order('k').map(({ name }) => name)[0]).toBe(away);
      serve('k', 0, true);
    }
  });

  it('goes home when the cache has gone cold', () => {
    const { clock, home, order, serve } = openConversations();
    serve('k', 1, false);
    clock.advance(CACHE_LIFETIME_MS);
    expect(order('k')[0]?.name).toBe(home('k'));
  });

  it('goes home at once when where it moved to cools down and home serves', () => {
    const { home, order, serve } = openConversations();
    const away = serve('k', 1, false);
    const asked = order('k').map(({ name }) => name);
    expect(asked).toEqual([away, home('k'), expect.any(String)]);
    expect(serve('k', 1, false)).toBe(home('k'));
    expect(order('k')[0]?.name).toBe(home('k'));
  });

  it('goes where it is served when the upstream it moved to cannot take a request, and comes back', () => {
    const { home, order, serve } = openConversations();
    const away = serve('k', 1, false);
    const able = members.filter(({ name }) => name !== away);
    expect(order('k', able)[0]?.name).toBe(home('k'));
    expect(order('k')[0]?.name).toBe(away);
  });

  it('moves alone', () => {
    const { home, order, serve } = openConversations();
    serve('k', 1, false);
    const others = Array.from({ length: 50 }, (_, i) => `k${i}`);
    expect(others.map((key) => order(key)[0]?.name)).toEqual(others.map(home));
  });
});

describe('what is remembered of conversations', () => {
  it('is bounded: the one that was unused for longest goes home first', () => {
    const { home, order, serve } = openConversations(2);
    const first = serve('k1', 1, false);
    serve('k2', 1, false);
    serve('k1', 0, true);
    serve('k3', 1, false);
    expect(order('k1')[0]?.name).toBe(first);
    expect(order('k2')[0]?.name).toBe(home('k2'));
    expect(order('k3')[0]?.name).not.toBe(home('k3'));
  });
});
