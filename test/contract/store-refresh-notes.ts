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

  it('go with the sweep', async () => {
    await under.store.refreshNotes.put('hash', 'sealed', NOW + MINUTE);
    await under.store.sweep(NOW + MINUTE);
    expect(await under.store.refreshNotes.find('hash', NOW)).toBeUndefined();
  });
}
