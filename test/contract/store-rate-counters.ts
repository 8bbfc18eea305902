import { expect, it } from 'vitest';
import { MINUTE, NOW, type StoreUnderTest } from './every-store.ts';

const limit = { max: 3, windowSeconds: 60 };
const ALLOWED = { allowed: true, retryAfterSeconds: 0 };

export function rateCountersContract(under: StoreUnderTest): void {
  it('allow as many hits as the limit says and then say when the window ends', async () => {
    for (let hit = 0; hit < 3; hit += 1)
      expect(await under.store.rateCounters.hit('a', limit, NOW + hit)).toMatchObject(ALLOWED);
    expect(await under.store.rateCounters.hit('a', limit, NOW + 1_500)).toMatchObject({
      allowed: false,
      retryAfterSeconds: 59,
    });
  });

  it('count each key by itself', async () => {
    for (let hit = 0; hit < 4; hit += 1) await under.store.rateCounters.hit('a', limit, NOW);
    expect(await under.store.rateCounters.hit('b', limit, NOW)).toMatchObject(ALLOWED);
  });

  it('start again when the window has ended, however many hits were refused in it', async () => {
    for (let hit = 0; hit < 9; hit += 1) await under.store.rateCounters.hit('a', limit, NOW + hit * 1_000);
    expect(await under.store.rateCounters.hit('a', limit, NOW + MINUTE - 1)).toMatchObject({
      allowed: false,
    });
    expect(await under.store.rateCounters.hit('a', limit, NOW + MINUTE)).toMatchObject(ALLOWED);
  });

  it('start again after a window that was begun by a clock far ahead', async () => {
    for (let hit = 0; hit < 4; hit += 1) await under.store.rateCounters.hit('a', limit, NOW + 60 * MINUTE);
    for (let hit = 0; hit < 3; hit += 1)
      expect(await under.store.rateCounters.hit('a', limit, NOW)).toMatchObject(ALLOWED);
    expect(await under.store.rateCounters.hit('a', limit, NOW)).toMatchObject({ allowed: false });
  });

  it('are one for replicas whose clocks differ by less than a window', async () => {
    for (let hit = 0; hit < 3; hit += 1)
      await (hit % 2 ? under.store : under.replica).rateCounters.hit('a', limit, NOW + (hit % 2) * 30_000);
    expect(await under.store.rateCounters.hit('a', limit, NOW)).toMatchObject({ allowed: false });
  });

  it('never ask anybody to come back in less than a second', async () => {
    for (let hit = 0; hit < 3; hit += 1) await under.store.rateCounters.hit('a', limit, NOW);
    expect(await under.store.rateCounters.hit('a', limit, NOW + MINUTE - 1)).toMatchObject({
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

  it('give a hit back while its window lasts', async () => {
    const hits = [];
    for (let hit = 0; hit < 3; hit += 1) hits.push(await under.store.rateCounters.hit('a', limit, NOW + hit));
    for (const hit of hits.slice(1)) await under.replica.rateCounters.giveBack('a', hit);
    for (let hit = 0; hit < 2; hit += 1)
      expect(await under.store.rateCounters.hit('a', limit, NOW + 10)).toMatchObject(ALLOWED);
    expect(await under.store.rateCounters.hit('a', limit, NOW + 10)).toMatchObject({ allowed: false });
  });

  it('give nothing back of another window or key, nor more than was counted', async () => {
    const early = await under.store.rateCounters.hit('a', limit, NOW);
    const other = await under.store.rateCounters.hit('b', limit, NOW + MINUTE);
    for (let hit = 0; hit < 3; hit += 1) await under.store.rateCounters.hit('a', limit, NOW + MINUTE);
    await under.store.rateCounters.giveBack('a', early);
    expect(await under.store.rateCounters.hit('a', limit, NOW + MINUTE)).toMatchObject({ allowed: false });
    for (let again = 0; again < 3; again += 1) await under.store.rateCounters.giveBack('b', other);
    for (let hit = 0; hit < 3; hit += 1)
      expect(await under.store.rateCounters.hit('b', limit, NOW + MINUTE)).toMatchObject(ALLOWED);
    expect(await under.store.rateCounters.hit('b', limit, NOW + MINUTE)).toMatchObject({ allowed: false });
  });

  it('allow nothing when the limit is none', async () => {
    const none = { max: 0, windowSeconds: 60 };
    expect(await under.store.rateCounters.hit('a', none, NOW)).toMatchObject({
      allowed: false,
      retryAfterSeconds: 60,
    });
  });
}
