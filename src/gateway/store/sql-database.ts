import postgres from 'postgres';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Database, Querier } from './database.ts';
import type { PostgresTarget } from './postgres-url.ts';

export interface SqlOptions {
  readonly maxConnections: number;
  readonly connectTimeoutSeconds: number;
  /** Off for poolers in transaction mode. */
  readonly preparedStatements: boolean;
  /** A statement that takes longer is given up; it never blocks a request for longer. */
  readonly statementTimeoutMs: number;
}

/** A PostgreSQL server through the `postgres` driver. */
export function createPostgresDatabase(target: PostgresTarget, options: SqlOptions): Database {
  return createSqlDatabase(options, {
    host: target.host,
    port: target.port,
    database: target.database,
    username: target.username,
    ...(target.password === undefined ? {} : { password: target.password }),
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

function createSqlDatabase(options: SqlOptions, connection: Connection): Database {
  const connect = () =>
    postgres({
      ...connection,
      max: options.maxConnections,
      prepare: options.preparedStatements,
      connect_timeout: options.connectTimeoutSeconds,
      fetch_types: false,
      onnotice: () => undefined,
      connection: { application_name: 'sallyport' },
    });
  let sql = connect();

  const querier = (run: { readonly unsafe: typeof sql.unsafe }): Querier => ({
    async query<Row extends object>(
      text: string,
      parameters: readonly (string | number | boolean | null)[] = [],
    ) {
      const statement = run.unsafe(text, [...parameters], { prepare: options.preparedStatements });
      return (await inTime(statement, options.statementTimeoutMs)) as unknown as readonly Row[];
    },
  });

  return {
    query: (text, parameters) => querier(sql).query(text, parameters),
    async transaction<T>(work: (tx: Querier) => Promise<T>): Promise<T> {
      return (await sql.begin((tx) => work(querier(tx)))) as T;
    },
    reset() {
      const old = sql;
      sql = connect();
      void old.end({ timeout: 0 }).catch(() => undefined);
    },
    close: () => sql.end({ timeout: 5 }),
  };
}

/** Gives up waiting; what the driver says later about the statement no longer matters. */
function inTime<T>(statement: PromiseLike<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = setTimeout(
      () => reject(new CodedError('store_unavailable', { detail: `no answer in ${timeoutMs} ms` })),
      timeoutMs,
    );
    statement.then(
      (rows) => {
        clearTimeout(giveUp);
        resolve(rows);
      },
      (error: unknown) => {
        clearTimeout(giveUp);
        reject(error);
      },
    );
  });
}

/** SQLSTATE of a server's answer, or undefined when the error did not come from a server. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof postgres.PostgresError ? error.code : undefined;
}

/** Whether the error says that the database cannot be reached now, rather than that the statement was wrong. */
export function isOutage(error: unknown): boolean {
  if (error instanceof CodedError) return error.code === 'store_unavailable';
  const state = sqlStateOf(error);
  // Classes 08 (connection), 53 (resources), 57P (shutdown); 25006 is a server that has become read-only.
  if (state !== undefined) return /^(?:08|53|57P)/.test(state) || state === '25006';
  return error instanceof Error && 'code' in error;
}
