import { expect, it } from 'vitest';
import { MINUTE, NOW, type StoreUnderTest } from './every-store.ts';

export function refreshNotesContract(under: StoreUnderTest): void {
  it('are found on every replica until their time is up', async () => {
    await under.store.refreshNotes.put('hash', 'sealed', NOW + MINUTE);
    expect(await under.replica.refreshNotes.find('hash', NOW + MINUTE - 1)).toBe('sealed');
    expect(await under.replica.refreshNotes.find('hash', NOW + MINUTE)).toBeUndefined();
    expect(await under.store.refreshNotes.find('another', NOW)).toBeUndefined();
  });

  it('take the place of older ones of the same token', async () => {
    await under.store.refreshNotes.put('hash', 'first', NOW + MINUTE);
    await under.replica.refreshNotes.put('hash', 'second', NOW + 2 * MINUTE);
    expect(await under.store.refreshNotes.find('hash', NOW + MINUTE)).toBe('second');
  });

  it('may be long', async () => {
    const sealed = 'x'.repeat(500_000);
    await under.store.refreshNotes.put('hash', sealed, NOW + MINUTE);
    expect(await under.store.refreshNotes.find('hash', NOW)).toBe(sealed);
  });

  it('keep a token for the one who claims it, who may do so again', async () => {
    const time = { nowMs: NOW, lifeMs: MINUTE };
    const claims = Array.from({ length: 20 }, (_, i) =>
      (i % 2 ? under.store : under.replica).refreshNotes.claim('hash', `owner-${i}`, time),
    );
    const won = (await Promise.all(claims)).flatMap((isWon, i) => (isWon ? [`owner-${i}`] : []));
    expect(won).toHaveLength(1);
    expect(await under.store.refreshNotes.claim('hash', won[0] ?? '', time)).toBe(true);
    expect(await under.store.refreshNotes.claim('another', 'b', time)).toBe(true);
    expect(await under.store.refreshNotes.find('hash', NOW)).toBeUndefined();
  });

  it('let a claim go when its time is up, its owner releases it, or something is noted', async () => {
    const claim = (owner: string, nowMs = NOW) =>
      under.store.refreshNotes.claim('hash', owner, { nowMs, lifeMs: MINUTE });
    expect(await claim('a')).toBe(true);
    expect(await claim('b', NOW + MINUTE - 1)).toBe(false);
    expect(await claim('b', NOW + MINUTE)).toBe(true);
    await under.replica.refreshNotes.release('hash', 'a');
    expect(await claim('a', NOW + MINUTE)).toBe(false);
    await under.replica.refreshNotes.release('hash', 'b');
    expect(await claim('a')).toBe(true);
    await under.replica.refreshNotes.put('hash', 'sealed', NOW + MINUTE);
    expect(await claim('b')).toBe(true);
    expect(await under.store.refreshNotes.find('hash', NOW)).toBe('sealed');
  });

  it('keep no token for a claim that was made by a clock far ahead', async () => {
    await under.store.refreshNotes.claim('hash', 'a', { nowMs: NOW + 60 * MINUTE, lifeMs: MINUTE });
    expect(await under.replica.refreshNotes.claim('hash', 'b', { nowMs: NOW, lifeMs: MINUTE })).toBe(true);
  });

  it('go with the sweep', async () => {
    await under.store.refreshNotes.put('hash', 'sealed', NOW + MINUTE);
    await under.store.sweep(NOW + MINUTE);
    expect(await under.store.refreshNotes.find('hash', NOW)).toBeUndefined();
  });
}
