import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Database, Parameter, Querier } from './database.ts';
import { inTime } from './in-time.ts';
import { isConnectionLost, isWorthRepeating } from './outage.ts';
import { createPostgresConnector } from './postgres-connector.ts';
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
  const { host, port, username, database, password, ssl } = target;
  return createSqlDatabase(options, () => {
    const connector = createPostgresConnector(target, 2 * options.maxConnections);
    return {
      // The driver names these in errors only. A password as a function: an absent one would be looked for in the environment.
      connection: { host, port, username, database, password: () => password ?? '', ssl },
      socket: connector.open,
      cut: connector.cutAll,
    };
  });
}

/** The embedded database: the same driver over a socket that leads into it. One session stands behind everything. */
export function createSocketDatabase(socket: () => object, statementTimeoutMs: number): Database {
  const connection = { host: 'embedded', database: 'postgres', username: 'postgres' };
  const options = {
    maxConnections: 1,
    connectTimeoutSeconds: 30,
    preparedStatements: true,
    statementTimeoutMs,
  };
  return createSqlDatabase(options, () => ({ connection, socket, cut: () => undefined }));
}

/** Where the connections of one pool lead. */
interface Wiring {
  readonly connection: postgres.Options<Record<string, never>>;
  readonly socket: () => object | Promise<object>;
  /** Ends every connection of the pool, answered or not. */
  cut(): void;
}

interface Pool {
  readonly sql: postgres.Sql;
  /** Lets what runs finish for so long, and cuts the rest. */
  end(seconds: number): Promise<void>;
}

const MAX_REPEATS = 3;
/** At once it would take again what another has waited for, before that one has woken, and be in its way as before. */
const REPEAT_AFTER_MS = 20;
/** What is still running after that has been given up long ago. */
const CLOSE_SECONDS = 2;
/** What a server default could change, and the SQL counts on. */
const ISOLATION = 'isolation level read committed';

function createPool(options: SqlOptions, { connection, socket, cut }: Wiring): Pool {
  // `socket` is honoured by the driver and missing from its types.
  const wiring: postgres.Options<Record<string, never>> & { readonly socket: Wiring['socket'] } = {
    ...connection,
    socket,
    max: options.maxConnections,
    prepare: options.preparedStatements,
    connect_timeout: options.connectTimeoutSeconds,
    fetch_types: false,
    onnotice: () => undefined,
    connection: { application_name: 'sallyport' },
  };
  const sql = postgres(wiring);
  return {
    sql,
    async end(seconds) {
      await sql.end({ timeout: seconds }).catch(() => undefined);
      cut();
    },
  };
}

function createSqlDatabase(options: SqlOptions, wire: () => Wiring): Database {
  const { preparedStatements, statementTimeoutMs } = options;
  let current = createPool(options, wire());

  const replace = (secondsForTheOld: number): void => {
    const old = current;
    current = createPool(options, wire());
    void old.end(secondsForTheOld);
  };

  /**
   * A connection that breaks while the driver has bytes for it in hand never writes again: every attempt to use it ends in
   * this error. So the pool goes, unless it has gone already.
   */
  const replaceBroken = (pool: Pool, error: unknown): void => {
    if (pool === current && error instanceof Error && 'code' in error && error.code === 'CONNECT_TIMEOUT')
      replace(CLOSE_SECONDS);
  };

  const onPool = async <T>(work: (sql: postgres.Sql) => Promise<T>): Promise<T> => {
    const pool = current;
    try {
      return await work(pool.sql);
    } catch (error) {
      replaceBroken(pool, error);
      throw error;
    }
  };

  const run = <T>(work: (sql: postgres.Sql) => Promise<T>, timeoutMs: number): Promise<T> =>
    inTime(
      repeating(() => onPool(work)),
      timeoutMs,
    );

  const querier = (connection: Pick<postgres.Sql, 'unsafe'>): Querier => ({
    async query<Row extends object>(text: string, parameters: readonly Parameter[] = []) {
      const rows = await connection.unsafe(text, [...parameters], { prepare: preparedStatements });
      return rows as unknown as readonly Row[];
    },
  });

  return {
    query: (text, parameters) => run((sql) => querier(sql).query(text, parameters), statementTimeoutMs),
    transaction<T>(work: (tx: Querier) => Promise<T>, timeoutMs = statementTimeoutMs): Promise<T> {
      let isGivenUp = false;
      const once = async (sql: postgres.Sql) =>
        (await sql.begin(ISOLATION, async (tx) => {
          const result = await work(suspendedByLoss(querier(tx)));
          // Nobody waits for it any more: it must not be done behind their back.
          if (isGivenUp) throw new CodedError('store_unavailable', { detail: 'given up' });
          return result;
        })) as T;
      return run(once, timeoutMs).catch((error: unknown) => {
        isGivenUp = true;
        throw error;
      });
    },
    reset: () => replace(0),
    close: () => current.end(CLOSE_SECONDS),
  };
}

/**
 * After work that failed the driver sends a rollback, and on a connection that is lost that throws where nobody can catch
 * it. So the work ends in waiting; the driver itself rejects the transaction when it hears of the loss.
 */
function suspendedByLoss(tx: Querier): Querier {
  return {
    query: (text, parameters) =>
      tx.query<never>(text, parameters).catch((error: unknown) => {
        if (isConnectionLost(error)) return new Promise(() => undefined);
        throw error;
      }),
  };
}

async function repeating<T>(work: () => Promise<T>): Promise<T> {
  for (let repeats = 0; ; repeats += 1) {
    try {
      return await work();
    } catch (error) {
      if (repeats === MAX_REPEATS || !isWorthRepeating(error)) throw error;
      await delay(REPEAT_AFTER_MS);
    }
  }
}
