import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Revocation, Store } from '../../src/gateway/store/ports.ts';
import { few } from '../support/property-runs.ts';
import { DAY, MINUTE, NOW, type StoreUnderTest } from './every-store.ts';

const revocation = (sid: string, untilMs = NOW + DAY): Revocation => ({
  target: { sid },
  sinceMs: NOW,
  untilMs,
});

const sidsOf = (entries: readonly Revocation[]) =>
  entries.flatMap(({ target }) => ('sid' in target ? [target.sid] : []));

/** An entry may come again while transactions of others on the server are older than it; then no more. */
async function untilNothingNew(store: Store, cursor: string | undefined): Promise<void> {
  for (let after = cursor; ; ) {
    const found = await store.revocations.listAfter(after, NOW);
    if (found.entries.length === 0) return;
    after = found.cursor;
  }
}

export function revocationsContract(under: StoreUnderTest): void {
  it('of every kind come back as they were added, in order', async () => {
    const added: readonly Revocation[] = [
      revocation('one'),
      { target: { sub: 'ada' }, sinceMs: NOW + 1, untilMs: NOW + DAY },
      { target: { all: true }, sinceMs: NOW + 2, untilMs: NOW + 2 * DAY },
    ];
    for (const entry of added) await under.store.revocations.add(entry);
    const { entries } = await under.replica.revocations.listAfter(undefined, NOW);
    expect(entries).toEqual(added);
  });

  it('that no longer matter are not listed', async () => {
    await under.store.revocations.add(revocation('over', NOW));
    await under.store.revocations.add(revocation('matters', NOW + 1));
    const { entries } = await under.store.revocations.listAfter(undefined, NOW);
    expect(sidsOf(entries)).toEqual(['matters']);
  });

  it('come after the cursor when they are new, and old ones do not come for ever', async () => {
    await under.store.revocations.add(revocation('first'));
    const first = await under.store.revocations.listAfter(undefined, NOW);
    await under.replica.revocations.add(revocation('second'));
    const second = await under.store.revocations.listAfter(first.cursor, NOW);
    expect(sidsOf(second.entries)).toContain('second');
    await untilNothingNew(under.store, second.cursor);
  });

  it('start all over from a cursor that this server cannot have given', async () => {
    await under.store.revocations.add(revocation('one'));
    const { entries, cursor } = await under.store.revocations.listAfter('9000000000000000', NOW);
    expect(sidsOf(entries)).toEqual(['one']);
    await untilNothingNew(under.store, cursor);
  });

  it('are not lost to a reader that polls while they are written', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('add', 'list'), { maxLength: 30 }), async (steps) => {
        round += 1;
        const writes: Promise<string>[] = [];
        const seen = new Set<string>();
        let { cursor } = await under.store.revocations.listAfter(undefined, NOW);
        for (const [i, kind] of steps.entries()) {
          if (kind === 'add') {
            const sid = `${round}-${i}`;
            const writer = i % 2 ? under.store : under.replica;
            writes.push(writer.revocations.add(revocation(sid)).then(() => sid));
          } else {
            const found = await under.replica.revocations.listAfter(cursor, NOW);
            for (const sid of sidsOf(found.entries)) seen.add(sid);
            cursor = found.cursor;
          }
        }
        const written = await Promise.all(writes);
        const last = await under.store.revocations.listAfter(cursor, NOW);
        for (const sid of sidsOf(last.entries)) seen.add(sid);
        expect([...seen].sort()).toEqual(written.sort());
      }),
      few(25),
    );
  });

  it('outlive the session rows they ended', async () => {
    await under.store.revocations.add(revocation('long', NOW + 60 * DAY));
    await under.store.sweep(NOW + 59 * DAY);
    const { entries } = await under.store.revocations.listAfter(undefined, NOW + 59 * DAY + MINUTE);
    expect(sidsOf(entries)).toEqual(['long']);
  });
}
