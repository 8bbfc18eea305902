import { beforeAll, beforeEach, expect, it } from 'vitest';
import type { Store } from '../../../src/gateway/store/ports.ts';
import { NOW } from '../../contract/every-store.ts';
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

const expire = (rows: number) =>
  database.sql(
    `insert into kv (key, value, expires_at) select 'row-' || i, '1', ${NOW} from generate_series(1, ${rows}) i`,
  );
const left = async () => (await database.sql('select count(*)::int as n from kv'))[0]?.['n'];

describeWithPostgres('a sweep', () => {
  it('leaves at once while another replica sweeps', async () => {
    await expire(10);
    const other = database.connect();
    await other.unsafe('begin');
    await other.unsafe('select pg_advisory_xact_lock(6775157)');
    await store.sweep(NOW);
    expect(await left()).toBe(10);
    await other.unsafe('commit');
    await store.sweep(NOW);
    expect(await left()).toBe(0);
  });

  it('removes in steps what has piled up', async () => {
    await expire(12_345);
    await database.sql(`update kv set expires_at = ${NOW + 1} where key in ('row-1', 'row-12000')`);
    await store.sweep(NOW);
    expect(await left()).toBe(2);
  });

  it('keeps a row that got a new life while it was swept', async () => {
    await expire(1);
    const other = database.connect();
    await other.unsafe('begin');
    await other.unsafe(`update kv set expires_at = ${NOW + 60_000}`);
    const sweeping = store.sweep(NOW);
    for (;;) {
      const [row] = await database.sql(
        `select count(*)::int as n from pg_stat_activity where datname = '${database.name}' and wait_event_type = 'Lock'`,
      );
      if (row?.['n'] === 1) break;
    }
    await other.unsafe('commit');
    await sweeping;
    expect(await left()).toBe(1);
  });
});
