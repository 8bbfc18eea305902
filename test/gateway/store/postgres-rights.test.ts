import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openStore } from '../../../src/gateway/store/open.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { CodedError } from '../../../src/kernel/coded-error.ts';
import { NOW, postgresOptions } from '../../contract/every-store.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { createTestDatabase, describeWithPostgres, type TestDatabase } from '../../support/postgres.ts';

const PASSWORD = 'the password of a role with few rights';
let database: TestDatabase;
let role: string;

beforeEach(async () => {
  database = await createTestDatabase();
  role = `role_${randomBytes(6).toString('hex')}`;
  await database.sql(`create role ${role} login password '${PASSWORD}'`);
  // As PostgreSQL 15 and later have it anyway.
  await database.sql('revoke create on schema public from public');
});
afterEach(async () => {
  await database.sql(`drop owned by ${role}`);
  await database.sql(`drop role ${role}`);
  await database.drop();
});

const open = (url: string) => openStore(postgresOptions(url), { clock: systemClock, log: createMemoryLog() });
const openAsRole = () => open(database.urlFor(role, PASSWORD));

/** What an administrator would run: the statements in the message. */
async function adviceOf(opening: Promise<unknown>): Promise<string> {
  const error = await opening.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CodedError)) throw new Error(`not refused as expected: ${String(error)}`);
  expect(error.code).toBe('store_permission');
  expect(error.detail).not.toContain(PASSWORD);
  return error.detail ?? '';
}

const grantsIn = (advice: string) => advice.match(/grant [^;]*/g) ?? [];

describeWithPostgres('a role without the right to make tables', () => {
  it('is told what to grant, and that is enough', async () => {
    const [first = ''] = grantsIn(await adviceOf(openAsRole()));
    expect(first).toBe(`grant usage, create on schema public to ${role}`);
    await database.sql(first);
    const store = await openAsRole();
    await store.ping(AbortSignal.timeout(5_000));
    await store.close();
  });

  it('starts on tables that another role has made, with the grants of the same message', async () => {
    const [, ...grants] = grantsIn(await adviceOf(openAsRole()));
    expect(grants).toHaveLength(4);
    await (await open(database.url)).close();
    for (const grant of grants) await database.sql(grant);
    const store = await openAsRole();
    await store.sessions.revoke({ sid: 's' }, NOW, NOW + 1_000);
    expect((await store.revocations.listAfter(undefined, NOW)).entries).toHaveLength(1);
    await store.rateCounters.hit('key', { max: 1, windowSeconds: 1 }, NOW);
    await store.sweep(NOW + 10_000);
    await store.close();
  });

  it('is told about each table it may not use, right by right', async () => {
    await (await open(database.url)).close();
    await database.sql(`grant select on _migrations to ${role}`);
    await database.sql(`grant select, insert, update, delete on kv to ${role}`);
    await database.sql(`grant select, insert on sessions to ${role}`);
    await database.sql(`grant select, insert, update on revocations to ${role}`);
    expect(grantsIn(await adviceOf(openAsRole()))).toEqual([
      `grant delete on revocations to ${role}`,
      expect.stringMatching(new RegExp(`^grant (?:update, delete|delete, update) on sessions to ${role}$`)),
    ]);
  });

  it('is told about the table of migrations like about any other', async () => {
    await (await open(database.url)).close();
    expect(grantsIn(await adviceOf(openAsRole()))).toContain(`grant select on _migrations to ${role}`);
  });

  it('is told so as well where it may not even look into the schema', async () => {
    await database.sql('revoke usage on schema public from public');
    const [grant = ''] = grantsIn(await adviceOf(openAsRole()));
    await database.sql(grant);
    await (await openAsRole()).close();
  });
});
