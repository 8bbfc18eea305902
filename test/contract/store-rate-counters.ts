import { expect, it } from 'vitest';
import { MINUTE, NOW, type StoreUnderTest } from './every-store.ts';

const limit = { max: 3, windowSeconds: 60 };
const ALLOWED = { allowed: true, retryAfterSeconds: 0 };

export function rateCountersContract(under: StoreUnderTest): void {
  it('allow as many hits as the limit says and then say when the window ends', async () => {
    for (let hit = 0; hit < 3; hit += 1)
      expect(await under.store.rateCounters.hit('a', limit, NOW + hit)).toEqual(ALLOWED);
    expect(await under.store.rateCounters.hit('a', limit, NOW + 1_500)).toEqual({
      allowed: false,
      retryAfterSeconds: 59,
    });
  });

  it('count each key by itself', async () => {
    for (let hit = 0; hit < 4; hit += 1) await under.store.rateCounters.hit('a', limit, NOW);
    expect(await under.store.rateCounters.hit('b', limit, NOW)).toEqual(ALLOWED);
  });

  it('start again when the window has ended, however many hits were refused in it', async () => {
    for (let hit = 0; hit < 9; hit += 1) await under.store.rateCounters.hit('a', limit, NOW + hit * 1_000);
    expect(await under.store.rateCounters.hit('a', limit, NOW + MINUTE - 1)).toMatchObject({
      allowed: false,
    });
    expect(await under.store.rateCounters.hit('a', limit, NOW + MINUTE)).toEqual(ALLOWED);
    expect(await under.store.rateCounters.peek('a', limit, NOW + MINUTE)).toEqual(ALLOWED);
  });

  it('start again after a window that was begun by a clock far ahead', async () => {
    for (let hit = 0; hit < 4; hit += 1) await under.store.rateCounters.hit('a', limit, NOW + 60 * MINUTE);
    expect(await under.store.rateCounters.peek('a', limit, NOW)).toEqual(ALLOWED);
    for (let hit = 0; hit < 3; hit += 1)
      expect(await under.store.rateCounters.hit('a', limit, NOW)).toEqual(ALLOWED);
    expect(await under.store.rateCounters.hit('a', limit, NOW)).toMatchObject({ allowed: false });
  });

  it('are one for replicas whose clocks differ by less than a window', async () => {
    for (let hit = 0; hit < 3; hit += 1)
      await (hit % 2 ? under.store : under.replica).rateCounters.hit('a', limit, NOW + (hit % 2) * 30_000);
    expect(await under.store.rateCounters.hit('a', limit, NOW)).toMatchObject({ allowed: false });
  });

  it('never ask anybody to come back in less than a second', async () => {
    for (let hit = 0; hit < 3; hit += 1) await under.store.rateCounters.hit('a', limit, NOW);
    expect(await under.store.rateCounters.hit('a', limit, NOW + MINUTE - 1)).toEqual({
      allowed: false,
      retryAfterSeconds: 1,
    });
  });

  it('lose no hit of two replicas that count at once', async () => {
    const wide = { max: 30, windowSeconds: 60 };
    const hits = Array.from({ length: 50 }, (_, i) =>
      (i % 2 ? under.store : under.replica).rateCounters.hit('a', wide, NOW),
    );
    expect((await Promise.all(hits)).filter(({ allowed }) => allowed)).toHaveLength(30);
  });

  it('begin one window when many hit an ended one at once', async () => {
    await under.store.rateCounters.hit('a', limit, NOW);
    const hits = Array.from({ length: 20 }, (_, i) =>
      (i % 2 ? under.store : under.replica).rateCounters.hit('a', limit, NOW + MINUTE),
    );
    expect((await Promise.all(hits)).filter(({ allowed }) => allowed)).toHaveLength(3);
  });

  it('tell what a hit would say without counting it', async () => {
    for (let look = 0; look < 5; look += 1)
      expect(await under.store.rateCounters.peek('a', limit, NOW)).toEqual(ALLOWED);
    for (let hit = 0; hit < 2; hit += 1) await under.store.rateCounters.hit('a', limit, NOW);
    expect(await under.store.rateCounters.peek('a', limit, NOW)).toEqual(ALLOWED);
    await under.store.rateCounters.hit('a', limit, NOW);
    expect(await under.replica.rateCounters.peek('a', limit, NOW + 30_000)).toEqual({
      allowed: false,
      retryAfterSeconds: 30,
    });
  });

  it('allow nothing when the limit is none', async () => {
    const none = { max: 0, windowSeconds: 60 };
    expect(await under.store.rateCounters.peek('a', none, NOW)).toEqual({
      allowed: false,
      retryAfterSeconds: 60,
    });
    expect(await under.store.rateCounters.hit('a', none, NOW)).toEqual({
      allowed: false,
      retryAfterSeconds: 60,
    });
  });
}
