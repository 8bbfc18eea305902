import type { Database, Parameter, Querier } from './database.ts';
import type { RevocationTarget, SessionRow, Sessions } from './ports.ts';
import { insertRevocation } from './revocations.ts';

interface Row {
  readonly sid: string;
  readonly sub: string;
  readonly client: string | null;
  readonly created_at: number;
  readonly renewed_at: number;
  readonly last_seen_at: number;
  readonly expires_at: number;
  readonly revoked_at: number | null;
  readonly refresh_number: number;
}

const COLUMNS = `sid, sub, client, created_at::float8 as created_at, renewed_at::float8 as renewed_at,
  last_seen_at::float8 as last_seen_at, expires_at::float8 as expires_at, revoked_at::float8 as revoked_at, refresh_number`;

export function createSessionStore(database: Database): Sessions {
  const find = async (sid: string): Promise<SessionRow | undefined> => {
    const [row] = await database.query<Row>(`select ${COLUMNS} from sessions where sid = $1`, [sid]);
    return row && sessionOf(row);
  };

  return {
    find,
    async create({ sid, sub, client, createdAtMs, renewedAtMs, lastSeenAtMs, expiresAtMs, refreshNumber }) {
      await database.query(
        `insert into sessions (sid, sub, client, created_at, renewed_at, last_seen_at, expires_at, refresh_number)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (sid) do nothing`,
        [sid, sub, client ?? null, createdAtMs, renewedAtMs, lastSeenAtMs, expiresAtMs, refreshNumber],
      );
    },
    async renew(sid, { shownNumber, nextNumber, nowMs, expiresAtMs }) {
      const moved = await database.query(
        `update sessions set refresh_number = $3, renewed_at = $4, last_seen_at = $4, expires_at = $5
         where sid = $1 and revoked_at is null and refresh_number <= $2 returning sid`,
        [sid, shownNumber, nextNumber, nowMs, expiresAtMs],
      );
      if (moved.length === 1) return { kind: 'renewed' };
      const row = await find(sid);
      if (!row) return { kind: 'unknown' };
      if (row.revokedAtMs !== undefined) return { kind: 'revoked' };
      return { kind: 'stale', currentNumber: row.refreshNumber, renewedAtMs: row.renewedAtMs };
    },
    async touch(sids, nowMs) {
      await database.query(
        'update sessions set last_seen_at = greatest(last_seen_at, $2) where sid in (select jsonb_array_elements_text($1::text::jsonb))',
        [JSON.stringify(sids), nowMs],
      );
    },
    async list({ sub, limit, after, nowMs }) {
      const { createdAtMs, sid } = cursorOf(after);
      const rows = await database.query<Row>(
        `select ${COLUMNS} from sessions
         where expires_at > $1 and revoked_at is null and ($2::text is null or sub = $2) and (created_at, sid) < ($3, $4)
         order by created_at desc, sid desc limit $5`,
        [nowMs, sub ?? null, createdAtMs, sid, limit + 1],
      );
      const page = rows.slice(0, limit).map(sessionOf);
      const last = rows.length > limit ? page.at(-1) : undefined;
      return { rows: page, next: last && `${last.createdAtMs}.${last.sid}` };
    },
    async countNotRenewedSince(sinceMs, nowMs) {
      const [row] = await database.query<{ sessions: number }>(
        'select count(*)::int as sessions from sessions where renewed_at < $1 and expires_at > $2 and revoked_at is null',
        [sinceMs, nowMs],
      );
      return row?.sessions ?? 0;
    },
    async revoke(target, nowMs, untilMs) {
      return database.transaction(async (tx) => {
        await insertRevocation(tx, { target, sinceMs: nowMs, untilMs });
        return endSessions(tx, target, nowMs);
      });
    },
  };
}

async function endSessions(tx: Querier, target: RevocationTarget, nowMs: number): Promise<number> {
  const [condition, value]: readonly [string, readonly Parameter[]] =
    'sid' in target
      ? ['sid = $2', [target.sid]]
      : 'sub' in target
        ? ['sub = $2', [target.sub]]
        : ['true', []];
  const ended = await tx.query(
    `update sessions set revoked_at = $1 where revoked_at is null and expires_at > $1 and ${condition} returning sid`,
    [nowMs, ...value],
  );
  return ended.length;
}

/** A page's cursor is its last row's place in the order. */
function cursorOf(after: string | undefined): { readonly createdAtMs: number; readonly sid: string } {
  const dot = after?.indexOf('.') ?? -1;
  const createdAtMs = Number(after?.slice(0, dot));
  if (after === undefined || dot === -1 || !Number.isSafeInteger(createdAtMs)) {
    return { createdAtMs: Number.MAX_SAFE_INTEGER, sid: '' };
  }
  return { createdAtMs, sid: after.slice(dot + 1) };
}

function sessionOf(row: Row): SessionRow {
  return {
    sid: row.sid,
    sub: row.sub,
    client: row.client ?? undefined,
    createdAtMs: row.created_at,
    renewedAtMs: row.renewed_at,
    lastSeenAtMs: row.last_seen_at,
    expiresAtMs: row.expires_at,
    revokedAtMs: row.revoked_at ?? undefined,
    refreshNumber: row.refresh_number,
  };
}
