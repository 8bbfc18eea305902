import type { Database } from './database.ts';
import type { DeviceGrant, DeviceGrants, GrantState } from './ports.ts';

interface GrantRow {
  readonly key: string;
  readonly state: GrantState;
  readonly sealed: string | null;
  readonly interval_seconds: number;
  readonly last_polled_at: number | null;
  readonly created_at: number;
  readonly expires_at: number;
  readonly version: number;
}

const GRANT = 'grant:';
const CODE = 'code:';
const COLUMNS = `g.key, g.value->>'state' as state, g.value->>'sealed' as sealed,
  (g.value->>'interval')::float8 as interval_seconds, (g.value->>'polled')::float8 as last_polled_at,
  (g.value->>'created')::float8 as created_at, g.expires_at::float8 as expires_at, g.version`;

/** Device grants in `kv`: one row for the grant, one that leads from the user code to it while the grant is open. */
export function createGrantStore(database: Database): DeviceGrants {
  return {
    async create({ deviceHash, userCodeMac, sealed, intervalSeconds, createdAtMs, expiresAtMs }) {
      const value = {
        state: 'pending',
        sealed,
        interval: intervalSeconds,
        created: createdAtMs,
        mac: userCodeMac,
      };
      const rows = await database.query(
        `with code as (
           insert into kv (key, value, expires_at) values ($1, $2::text::jsonb, $3)
           on conflict (key) do update set value = excluded.value, expires_at = excluded.expires_at, version = 1
             where kv.expires_at <= $4
           returning key
         )
         insert into kv (key, value, expires_at) select $5, $6::text::jsonb, $3 from code returning key`,
        [
          CODE + userCodeMac,
          JSON.stringify({ device: deviceHash }),
          expiresAtMs,
          createdAtMs,
          GRANT + deviceHash,
          JSON.stringify(value),
        ],
      );
      return rows.length === 1;
    },
    async findByDevice(deviceHash, nowMs) {
      const [row] = await database.query<GrantRow>(
        `select ${COLUMNS} from kv g where g.key = $1 and g.expires_at > $2`,
        [GRANT + deviceHash, nowMs],
      );
      return row && grantOf(row);
    },
    async findByUserCode(userCodeMac, nowMs) {
      const [row] = await database.query<GrantRow>(
        `select ${COLUMNS} from kv c join kv g on g.key = '${GRANT}' || (c.value->>'device')
         where c.key = $1 and c.expires_at > $2 and g.expires_at > $2`,
        [CODE + userCodeMac, nowMs],
      );
      return row && grantOf(row);
    },
    async update(deviceHash, expectedVersion, { state, sealed, intervalSeconds, lastPolledAtMs }) {
      const isOver = state === 'denied' || state === 'used';
      const change = {
        ...(state === undefined ? {} : { state }),
        ...(typeof sealed === 'string' && !isOver ? { sealed } : {}),
        ...(intervalSeconds === undefined ? {} : { interval: intervalSeconds }),
        ...(lastPolledAtMs === undefined ? {} : { polled: lastPolledAtMs }),
      };
      const rows = await database.query(
        `with changed as (
           update kv set value = (case when $3 then value - 'sealed' else value end) || $4::text::jsonb, version = version + 1
           where key = $1 and version = $2
           returning value->>'mac' as mac
         ), closed as (
           delete from kv using changed where $5 and kv.key = '${CODE}' || changed.mac and kv.value->>'device' = $6
         )
         select 1 from changed`,
        [
          GRANT + deviceHash,
          expectedVersion,
          isOver || sealed === null,
          JSON.stringify(change),
          isOver,
          deviceHash,
        ],
      );
      return rows.length === 1;
    },
  };
}

function grantOf(row: GrantRow): DeviceGrant {
  return {
    deviceHash: row.key.slice(GRANT.length),
    state: row.state,
    sealed: row.sealed ?? undefined,
    intervalSeconds: row.interval_seconds,
    lastPolledAtMs: row.last_polled_at ?? undefined,
    createdAtMs: row.created_at,
    expiresAtMs: row.expires_at,
    version: row.version,
  };
}
