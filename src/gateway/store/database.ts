/** One SQL statement with `$1` parameters; rows as plain objects. */
export interface Querier {
  query<Row extends object = Record<string, unknown>>(
    text: string,
    parameters?: readonly Parameter[],
  ): Promise<readonly Row[]>;
}

export type Parameter = string | number | boolean | null;

/** PostgreSQL, on a server or embedded. No session state, no notifications: poolers in transaction mode work. */
export interface Database extends Querier {
  /**
   * Runs the work in one transaction; nothing else may be awaited on the database inside, and after a deadlock it runs again.
   * A transaction that takes longer than `timeoutMs` is given up; the time a statement has, unless said.
   */
  transaction<T>(work: (tx: Querier) => Promise<T>, timeoutMs?: number): Promise<T>;
  /** Fails what runs, drops every connection and starts with new ones: for a server that no longer answers. */
  reset(): void;
  close(): Promise<void>;
}
