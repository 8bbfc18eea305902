import postgres from 'postgres';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Database, Parameter, Querier } from './database.ts';
import { inTime } from './in-time.ts';
import { isWorthRepeating } from './outage.ts';
import type { PostgresTarget } from './postgres-url.ts';

export interface SqlOptions {
  readonly maxConnections: number;
  readonly connectTimeoutSeconds: number;
  /** Off for poolers in transaction mode. */
  readonly preparedStatements: boolean;
  /** A statement, or a whole transaction, that takes longer is given up; it never blocks a request for longer. */
  readonly statementTimeoutMs: number;
}

/** A PostgreSQL server through the `postgres` driver. */
export function createPostgresDatabase(target: PostgresTarget, options: SqlOptions): Database {
  const { host, port, password } = target;
  // As lists, which the driver's types forget: a text that is an IPv6 address would be cut at its colons.
  const place: object = { host: [host], port: [port] };
  return createSqlDatabase(options, {
    ...place,
    ...(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : {}),
    database: target.database,
    username: target.username,
    // As a function: an absent password would be looked for in the environment.
    password: () => password ?? '',
    ssl: target.ssl,
  });
}

/** The embedded database: the same driver over a socket that leads into it. One session stands behind everything. */
export function createSocketDatabase(socket: () => object, statementTimeoutMs: number): Database {
  const connection = { host: 'embedded', database: 'postgres', username: 'postgres', socket };
  const options = {
    maxConnections: 1,
    connectTimeoutSeconds: 30,
    preparedStatements: true,
    statementTimeoutMs,
  };
  return createSqlDatabase(options, connection);
}

/** `socket` is honoured by the driver and missing from its types. */
type Connection = postgres.Options<Record<string, never>> & { readonly socket?: () => object };

const MAX_REPEATS = 3;
/** What is still running after that has been given up long ago. */
const CLOSE_SECONDS = 2;
/** What a server default could change, and the SQL counts on. */
const ISOLATION = 'isolation level read committed';

function createSqlDatabase(options: SqlOptions, connection: Connection): Database {
  const { preparedStatements, statementTimeoutMs } = options;
  const connect = () =>
    postgres({
      ...connection,
      max: options.maxConnections,
      prepare: preparedStatements,
      connect_timeout: options.connectTimeoutSeconds,
      fetch_types: false,
      onnotice: () => undefined,
      connection: { application_name: 'sallyport' },
    });
  let sql = connect();

  const reset = (): void => {
    const old = sql;
    sql = connect();
    void old.end({ timeout: CLOSE_SECONDS }).catch(() => undefined);
  };

  /**
   * A connection that breaks while the driver has bytes for it in hand never writes again: every attempt to use it ends in
   * this error. So the pool goes, unless it has gone already.
   */
  const replaceBroken = (pool: typeof sql, error: unknown): void => {
    if (pool === sql && error instanceof Error && 'code' in error && error.code === 'CONNECT_TIMEOUT')
      reset();
  };

  const onPool = async <T>(work: (pool: typeof sql) => Promise<T>): Promise<T> => {
    const pool = sql;
    try {
      return await work(pool);
    } catch (error) {
      replaceBroken(pool, error);
      throw error;
    }
  };

  const run = <T>(work: (pool: typeof sql) => Promise<T>, timeoutMs: number): Promise<T> =>
    inTime(
      repeating(() => onPool(work)),
      timeoutMs,
    );

  const querier = (connection: { readonly unsafe: typeof sql.unsafe }): Querier => ({
    async query<Row extends object>(text: string, parameters: readonly Parameter[] = []) {
      const rows = await connection.unsafe(text, [...parameters], { prepare: preparedStatements });
      return rows as unknown as readonly Row[];
    },
  });

  return {
    query: (text, parameters) => run((pool) => querier(pool).query(text, parameters), statementTimeoutMs),
    transaction<T>(work: (tx: Querier) => Promise<T>, timeoutMs = statementTimeoutMs): Promise<T> {
      let isGivenUp = false;
      const once = async (pool: typeof sql) =>
        (await pool.begin(ISOLATION, async (tx) => {
          const result = await work(querier(tx));
          // Nobody waits for it any more: it must not be done behind their back.
          if (isGivenUp) throw new CodedError('store_unavailable', { detail: 'given up' });
          return result;
        })) as T;
      return run(once, timeoutMs).catch((error: unknown) => {
        isGivenUp = true;
        throw error;
      });
    },
    reset,
    close: () => sql.end({ timeout: CLOSE_SECONDS }),
  };
}

async function repeating<T>(work: () => Promise<T>): Promise<T> {
  for (let repeats = 0; ; repeats += 1) {
    try {
      return await work();
    } catch (error) {
      if (repeats === MAX_REPEATS || !isWorthRepeating(error)) throw error;
    }
  }
}
