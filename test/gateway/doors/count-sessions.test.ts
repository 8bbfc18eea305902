import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { checkConfig } from '../../../src/config/check.ts';
import type { GatewayConfig } from '../../../src/config/gateway-config.ts';
import { countSessions } from '../../../src/gateway/doors/count-sessions.ts';
import { openStore } from '../../../src/gateway/store/open.ts';
import type { Store } from '../../../src/gateway/store/ports.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { openEmbeddedStore } from '../../support/embedded-store.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { createTestDatabase, describeWithPostgres } from '../../support/postgres.ts';

const HOUR = 3_600_000;
const ROTATED = Date.now() - 2 * HOUR;
const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

function configOf(store: Readonly<Record<string, unknown>>): GatewayConfig {
  const text = `
listen: { host: 127.0.0.1 }
oidc: { issuer: https://login.example.com, client_id: sallyport, client_secret: idp }
session: { jwt_secret: n0TUx9tPRcZQbOcUJRHdkWhHkWbiX0bkgVQW5FJmJ1s }
upstreams: [{ provider: anthropic, auth: { api_key: key } }]
store: ${JSON.stringify(store)}`;
  const checked = checkConfig({ name: 'gateway.yaml', text }, { env: {}, readFile: () => '' });
  if (checked.kind !== 'valid') throw new Error(JSON.stringify(checked));
  return checked.config;
}

const count = (store: Readonly<Record<string, unknown>>) =>
  countSessions(configOf(store), ROTATED, systemClock);

async function makeSessions({ sessions }: Store): Promise<void> {
  const renewals = [ROTATED - 1, ROTATED - HOUR, ROTATED + HOUR];
  for (const [index, renewedAtMs] of renewals.entries()) {
    await sessions.create({
      sid: `session-${index}`,
      sub: 'ada',
      client: undefined,
      createdAtMs: ROTATED - 5 * HOUR,
      renewedAtMs,
      lastSeenAtMs: renewedAtMs,
      expiresAtMs: Date.now() + HOUR,
      refreshNumber: 1,
    });
  }
}

it('counts in an embedded store, once no gateway holds it', async () => {
  const opened = await openEmbeddedStore();
  undo.push(() => rmSync(opened.folder, { recursive: true, force: true }));
  await makeSessions(opened.store);
  const meanwhile = await count({ embedded: opened.folder });
  expect(meanwhile).toMatchObject({ kind: 'out_of_reach', reason: expect.stringContaining('is in use by') });
  await opened.store.close();
  expect(await count({ embedded: opened.folder })).toEqual({ kind: 'counted', count: 2 });
  // It has let go of it.
  expect(await count({ embedded: opened.folder })).toEqual({ kind: 'counted', count: 2 });
});

it('makes no store where there is none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-count-'));
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  expect(await count({ embedded: join(folder, 'store') })).toEqual({
    kind: 'out_of_reach',
    reason: 'the store does not exist yet',
  });
  expect(existsSync(join(folder, 'store'))).toBe(false);
  expect(readdirSync(folder)).toEqual([]);
});

it('does not wait for a server that is not there', async () => {
  expect(await count({ postgres_url: 'postgres://nobody@127.0.0.1:1/none' })).toEqual({
    kind: 'out_of_reach',
    reason: 'the store does not answer (ECONNREFUSED)',
  });
});

describeWithPostgres('in PostgreSQL', () => {
  it('counts, and leaves a database without tables without them', async () => {
    const database = await createTestDatabase();
    undo.push(() => database.drop());
    expect(await count({ postgres_url: database.url })).toEqual({
      kind: 'out_of_reach',
      reason: 'the store has no sessions yet',
    });
    const tables = await database.sql("select tablename from pg_tables where schemaname = 'public'");
    expect(tables).toHaveLength(0);

    const store = await openStore(
      {
        kind: 'postgres',
        url: database.url,
        username: undefined,
        password: undefined,
        maxConnections: 1,
        connectTimeoutSeconds: 5,
        preparedStatements: true,
      },
      { clock: systemClock, log: createMemoryLog() },
    );
    undo.push(() => store.close());
    await makeSessions(store);
    expect(await count({ postgres_url: database.url })).toEqual({ kind: 'counted', count: 2 });
  });
});
