import { beforeAll, beforeEach, expect, it } from 'vitest';
import type { Store } from '../../../src/gateway/store/ports.ts';
import { DAY, NOW } from '../../contract/every-store.ts';
import { describeWithPostgres, type TestDatabase } from '../../support/postgres.ts';
import { openPostgresStore } from '../../support/postgres-store.ts';

let database: TestDatabase;
let store: Store;
beforeAll(async () => {
  const opened = await openPostgresStore();
  ({ database, store } = opened);
  return opened.close;
});
beforeEach(() => store.sweep(Number.MAX_SAFE_INTEGER));

async function listed(cursor: string | undefined): Promise<{ sids: string[]; cursor: string | undefined }> {
  const found = await store.revocations.listAfter(cursor, NOW);
  const sids = found.entries.flatMap(({ target }) => ('sid' in target ? [target.sid] : []));
  return { sids, cursor: found.cursor };
}

const insert = (sid: string) =>
  `insert into revocations (scope, value, since_at, until_at) values ('sid', '${sid}', ${NOW}, ${NOW + DAY})`;

describeWithPostgres('a revocation', () => {
  it('that commits after later ones were listed is not missed', async () => {
    const slow = database.connect();
    await slow.unsafe('begin');
    await slow.unsafe(insert('late'));
    await store.revocations.add({ target: { sid: 'early' }, sinceMs: NOW, untilMs: NOW + DAY });
    const first = await listed(undefined);
    expect(first.sids).toEqual(['early']);
    await slow.unsafe('commit');
    expect((await listed(first.cursor)).sids).toContain('late');
  });

  it('that two slow writers commit in the wrong order is not missed', async () => {
    const [first, second] = [database.connect(), database.connect()];
    for (const [writer, sid] of [
      [first, 'one'],
      [second, 'two'],
    ] as const) {
      await writer.unsafe('begin');
      await writer.unsafe(insert(sid));
    }
    let { cursor } = await listed(undefined);
    await second.unsafe('commit');
    const two = await listed(cursor);
    expect(two.sids).toContain('two');
    expect(two.sids).not.toContain('one');
    cursor = two.cursor;
    await first.unsafe('commit');
    expect((await listed(cursor)).sids).toContain('one');
  });

  it('that was rolled back never comes', async () => {
    const writer = database.connect();
    await writer.unsafe('begin');
    await writer.unsafe(insert('never'));
    const { cursor } = await listed(undefined);
    await writer.unsafe('rollback');
    expect((await listed(cursor)).sids).toEqual([]);
  });

  it('of a kind that only a newer release knows is passed over', async () => {
    await database.sql(
      `insert into revocations (scope, value, since_at, until_at) values ('device', 'x', ${NOW}, ${NOW + DAY})`,
    );
    await store.revocations.add({ target: { all: true }, sinceMs: NOW, untilMs: NOW + DAY });
    expect((await store.revocations.listAfter(undefined, NOW)).entries).toEqual([
      { target: { all: true }, sinceMs: NOW, untilMs: NOW + DAY },
    ]);
  });
});
