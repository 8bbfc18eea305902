import { earlierOfBoth } from './agreed-time.ts';
import type { Database, Querier } from './database.ts';
import type { Revocation, Revocations, RevocationTarget } from './ports.ts';

interface Entry {
  readonly scope: string;
  readonly value: string | null;
  readonly since: number;
  readonly until: number;
}

export function createRevocationStore(database: Database): Revocations {
  return {
    add: (revocation) => insertRevocation(database, revocation),
    async listAfter(cursor, nowMs) {
      // The cursor is the oldest transaction that was still running: what it had not committed yet comes next time. Entries
      // may come twice, none is missed. A cursor from ahead is another server's (restored, moved): all over again.
      const [row] = await database.query<{ cursor: string; entries: readonly Entry[] }>(
        `with snapshot as (select txid_snapshot_xmin(txid_current_snapshot()) as xmin),
           place as (select case when $1::text::bigint > xmin then 0 else $1::text::bigint end as cursor from snapshot)
         select xmin::text as cursor,
           coalesce((
             select jsonb_agg(jsonb_build_object('scope', scope, 'value', value, 'since', since_at, 'until', until_at) order by id)
             from revocations where tx >= (select place.cursor from place) and until_at > ${earlierOfBoth('$2')}
           ), '[]'::jsonb) as entries
         from snapshot`,
        [cursor ?? '0', nowMs],
      );
      return { entries: (row?.entries ?? []).flatMap(revocationOf), cursor: row?.cursor };
    },
  };
}

/** Also used inside the transaction that ends sessions. */
export async function insertRevocation(
  querier: Querier,
  { target, sinceMs, untilMs }: Revocation,
): Promise<void> {
  const [scope, value] =
    'sid' in target ? ['sid', target.sid] : 'sub' in target ? ['sub', target.sub] : ['all', null];
  await querier.query('insert into revocations (scope, value, since_at, until_at) values ($1, $2, $3, $4)', [
    scope,
    value,
    sinceMs,
    untilMs,
  ]);
}

/** Scopes that a newer release may have added are passed over. */
function revocationOf({ scope, value, since, until }: Entry): Revocation[] {
  const target = targetOf(scope, value ?? '');
  return target ? [{ target, sinceMs: since, untilMs: until }] : [];
}

function targetOf(scope: string, value: string): RevocationTarget | undefined {
  if (scope === 'sid') return { sid: value };
  if (scope === 'sub') return { sub: value };
  return scope === 'all' ? { all: true } : undefined;
}
