import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayConfig } from '../../config/gateway-config.ts';
import type { Clock } from '../../kernel/clock.ts';
import { isCodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Database } from '../store/database.ts';
import { openEmbeddedDatabase } from '../store/embedded-database.ts';
import type { StoreOptions } from '../store/open.ts';
import { reasonOf, sqlStateOf } from '../store/outage.ts';
import { parsePostgresUrl } from '../store/postgres-url.ts';
import { createSessionStore } from '../store/sessions.ts';
import { createPostgresDatabase } from '../store/sql-database.ts';
import { storeOptions } from './settings.ts';

export type CountedSessions =
  | { readonly kind: 'counted'; readonly count: number }
  | { readonly kind: 'out_of_reach'; readonly reason: string };

const STATEMENT_TIMEOUT_MS = 10_000;
const UNDEFINED_TABLE = '42P01';

/**
 * How many live sessions have not renewed since a moment. Looks into the store as it is: makes and migrates nothing. A store
 * that does not answer, or that a running gateway holds, is out of reach.
 */
export async function countSessions(
  config: GatewayConfig,
  sinceMs: number,
  clock: Clock,
): Promise<CountedSessions> {
  let database: Database | undefined;
  try {
    database = await openAsItIs(storeOptions(config));
    if (!database) return { kind: 'out_of_reach', reason: 'the store does not exist yet' };
    const count = await createSessionStore(database).countNotRenewedSince(sinceMs, clock.now());
    return { kind: 'counted', count };
  } catch (error) {
    return { kind: 'out_of_reach', reason: whyNot(error) };
  } finally {
    await database?.close().catch(() => undefined);
  }
}

async function openAsItIs(options: StoreOptions): Promise<Database | undefined> {
  if (options.kind === 'embedded') {
    if (!existsSync(join(options.folder, 'data'))) return undefined;
    return openEmbeddedDatabase(options.folder, STATEMENT_TIMEOUT_MS, silent);
  }
  const { connectTimeoutSeconds, preparedStatements } = options;
  return createPostgresDatabase(parsePostgresUrl(options.url, options), {
    maxConnections: 1,
    connectTimeoutSeconds,
    preparedStatements,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
}

function whyNot(error: unknown): string {
  if (sqlStateOf(error) === UNDEFINED_TABLE) return 'the store has no sessions yet';
  return isCodedError(error) ? reasonOf(error) : `the store does not answer (${reasonOf(error)})`;
}

const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  isEnabled: () => false,
};
