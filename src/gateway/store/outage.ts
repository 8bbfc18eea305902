import postgres from 'postgres';
import { CodedError } from '../../kernel/coded-error.ts';

/** SQLSTATE of a server's answer, or undefined when the error did not come from a server. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof postgres.PostgresError ? error.code : undefined;
}

/**
 * Classes 08 (connection), 28 (sign-in, as when a password was changed), 53 (resources), 57P (shutdown), 58 (system), XX
 * (internal); 25006: a server that has become read-only, 3D000: a database that is gone, 55P03 and 57014: the server's own
 * time limits.
 */
const OUTAGE_STATES = /^(?:08|28|53|57P|58|XX|25006|3D000|55P03|57014)/;

/** Whether the error says that the database cannot answer now, rather than that the statement was wrong. */
export function isOutage(error: unknown): boolean {
  if (error instanceof CodedError) return error.code === 'store_unavailable';
  const state = sqlStateOf(error);
  if (state !== undefined) return OUTAGE_STATES.test(state);
  return isConnectionLost(error);
}

/**
 * Classes 531 (disk full), 532 (out of memory), 58 (I/O): the server answers and says that it lacks what it needs. What needs
 * less still works, so that nothing else may tell of it.
 */
const LACK_STATES = /^(?:531|532|58)/;

/** Whether the server itself says that its machine fails it. */
export function isLack(error: unknown): boolean {
  return LACK_STATES.test(sqlStateOf(error) ?? '');
}

/** Whether the driver has lost the connection, as against an answer of the server or a mistake of ours. */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof CodedError || error instanceof TypeError || sqlStateOf(error) !== undefined)
    return false;
  return error instanceof Error && 'code' in error;
}

/** A deadlock or a serialization failure: nothing was done, and the same again may do. */
export function isWorthRepeating(error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlStateOf(error) ?? '');
}

/** For the operator's log: codes and the server's own words for its state, never statements or values. */
export function reasonOf(error: unknown): string {
  if (error instanceof CodedError) return error.detail ?? error.code;
  if (error instanceof postgres.PostgresError) return `${error.code} ${error.message}`;
  if (!(error instanceof Error)) return 'unknown error';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
