import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { describe, inject } from 'vitest';
import { type Cluster, type ClusterOptions, startCluster } from './postgres-cluster.ts';

const provision = inject('postgres');

/** False where PostgreSQL is not installed; never in CI. */
export const hasPostgres = provision !== null;

/** `describe` for what needs PostgreSQL. */
export const describeWithPostgres = describe.skipIf(!hasPostgres);

export interface TestDatabase {
  readonly name: string;
  /** With a superuser's name and password. */
  readonly url: string;
  /** The same database for another role. */
  urlFor(username: string, password: string): string;
  /** Runs SQL as the superuser, one statement or several. */
  sql(text: string): Promise<readonly Record<string, unknown>[]>;
  /** A connection of its own, for transactions that stay open: `max: 1`. */
  connect(): postgres.Sql;
  drop(): Promise<void>;
}

/** An empty database of the test file's own, on the run's server or on `url`. */
export async function createTestDatabase(url = provided().url): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await onServer(url, `create database ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  const connections: postgres.Sql[] = [];
  const connect = () => {
    const connection = postgres(own.href, { max: 1, onnotice: () => undefined });
    connections.push(connection);
    return connection;
  };
  let superuser: postgres.Sql | undefined;
  return {
    name,
    url: own.href,
    urlFor(username, password) {
      const other = new URL(own);
      other.username = username;
      other.password = password;
      return other.href;
    },
    async sql(text) {
      superuser ??= connect();
      return superuser.unsafe(text);
    },
    connect,
    async drop() {
      await Promise.all(connections.map((connection) => connection.end({ timeout: 1 })));
      await onServer(url, `drop database ${name} with (force)`);
    },
  };
}

/** A server that the test may stop, pause and start again. */
export async function startPrivatePostgres(options?: ClusterOptions): Promise<Cluster> {
  const { binaries, pristineFolder } = provided();
  return startCluster({ binaries, folder: pristineFolder }, options);
}

async function onServer(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

function provided() {
  if (provision === null)
    throw new Error('PostgreSQL is not installed here; guard with describeWithPostgres');
  return provision;
}
