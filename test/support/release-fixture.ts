import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { CodedError } from '../../src/kernel/coded-error.ts';
import { paths } from '../../src/kernel/protocol.ts';
import { cookieOf, createDeviceFlow } from './device-flow.ts';
import { type Person, type ReleaseGateway, SIGN_INS_FROM_ONE_ADDRESS } from './release-gateway.ts';

const Tokens = z.object({ access_token: z.string(), refresh_token: z.string() });
const Codes = z.object({ device_code: z.string(), user_code: z.string() });
const SentAway = Codes.extend({ state: z.string(), cookie: z.string() });

/** What a release has given to people and their machines, by what became of it before the release was replaced. */
const Issued = z.object({
  grants: z.object({ pending: Codes, sentAway: SentAway, approved: Codes, denied: Codes, used: Codes }),
  sessions: z.object({
    ada: Tokens,
    bob: Tokens,
    ended: Tokens,
    /** `shown` was renewed a moment ago. */
    renewed: z.object({ shown: z.string(), answer: z.string() }),
    /** Its refresh failed after the provider had replaced its own token. */
    failed: Tokens,
  }),
  /** Has begun as many sign-ins as one address may. */
  busyAddress: z.string(),
});

const Fixture = z.object({
  release: z.string(),
  madeAtMs: z.number(),
  migrationsTable: z.string(),
  migrations: z.array(z.object({ id: z.number(), name: z.string(), statements: z.array(z.string()) })),
  rows: z.record(z.string(), z.array(z.record(z.string(), z.unknown()))),
  issued: Issued,
});

/** Everything one release leaves behind: its tables and their rows, and what it has handed out. */
export type ReleaseFixture = z.infer<typeof Fixture>;
export type Issued = z.infer<typeof Issued>;

const folder = fileURLToPath(new URL('../fixtures/releases/', import.meta.url));

export const fixturePath = (release: string): string => `${folder}${release}.json`;

export const hasFixture = (release: string): boolean => existsSync(fixturePath(release));

export function readFixtures(): readonly ReleaseFixture[] {
  return readdirSync(folder).map((name) => Fixture.parse(JSON.parse(readFileSync(folder + name, 'utf8'))));
}

/** The provider's token that the failed refresh has brought. */
export const SUCCESSOR = 'provider token that replaced the one of bob';

/** Uses a gateway until there is one of everything. */
export async function issueEverything({ url, provider }: ReleaseGateway): Promise<Issued> {
  const flow = createDeviceFlow({ url });
  let addresses = 0;
  const start = async () => {
    addresses += 1;
    return Codes.parse(await flow.start({ surface: 'sallyport' }, `203.0.113.${addresses}`));
  };
  const startAndApprove = async (person: Person) => {
    const codes = await start();
    await comeBack({ url }, await goAway({ url }, codes.user_code), person);
    return codes;
  };
  const signIn = async (person: Person) => {
    const codes = await startAndApprove(person);
    return { codes, tokens: Tokens.parse((await flow.poll(codes.device_code)).json) };
  };

  const busyAddress = '203.0.113.200';
  for (let i = 0; i < SIGN_INS_FROM_ONE_ADDRESS; i += 1) await flow.start({}, busyAddress);

  const denied = await start();
  await flow.submit(denied.user_code, 'deny');
  const { codes: used, tokens: ada } = await signIn('ada');
  const { tokens: bob } = await signIn('bob');

  const { tokens: ended } = await signIn('bob');
  await flow.revoke(ended.refresh_token);

  const { refresh_token: shown } = (await signIn('ada')).tokens;
  const renewed = { shown, answer: (await flow.refresh(shown)).text };

  const { tokens: failed } = await signIn('bob');
  const usual = provider.onRefresh;
  provider.onRefresh = async ({ onFailed }) => {
    onFailed?.(SUCCESSOR);
    throw new CodedError('idp_unreachable', { detail: 'cut off' });
  };
  await flow.refresh(failed.refresh_token);
  provider.onRefresh = usual;

  const away = await start();
  return {
    grants: {
      pending: await start(),
      sentAway: { ...away, ...(await goAway({ url }, away.user_code)) },
      approved: await startAndApprove('ada'),
      denied,
      used,
    },
    sessions: { ada, bob, ended, renewed, failed },
    busyAddress,
  };
}

interface Place {
  readonly url: string;
}

interface Away {
  readonly state: string;
  readonly cookie: string;
}

/** The browser as far as the provider. */
async function goAway({ url }: Place, userCode: string): Promise<Away> {
  const sent = await createDeviceFlow({ url }).submit(userCode);
  const state = new URL(sent.headers.get('location') ?? '').searchParams.get('state') ?? '';
  return { state, cookie: cookieOf(sent) };
}

/** The browser on its way back from the provider. */
export async function comeBack({ url }: Place, { state, cookie }: Away, person: Person): Promise<void> {
  const back = `${url}${paths.callback}?code=${person}&state=${state}`;
  const response = await fetch(back, { headers: { cookie } });
  await response.body?.cancel();
  if (response.status !== 200) throw new Error(`the callback was answered with ${response.status}`);
}

/** SQL that makes the tables as the release had them after `upTo` of its migrations, with the rows that fit in. */
export function restoreSql(
  { migrationsTable, migrations, rows }: ReleaseFixture,
  upTo = migrations.length,
): string {
  const run = migrations.slice(0, upTo);
  const made = run.flatMap(({ statements }) => statements);
  const tables = Object.keys(rows).filter((name) =>
    made.some((text) => text.includes(`create table ${name} (`)),
  );
  const ran = run.map(({ id, name }) => `insert into _migrations (id, name) values (${id}, ${quoted(name)})`);
  const inserts = tables.map(
    (name) =>
      `insert into ${name} overriding system value select * from jsonb_populate_recordset(null::${name}, ${quoted(JSON.stringify(rows[name]))}::jsonb)`,
  );
  const counters = tables.includes('revocations')
    ? ["select setval(pg_get_serial_sequence('revocations', 'id'), max(id)) from revocations"]
    : [];
  return [migrationsTable, ...made, ...ran, ...inserts, ...counters].join(';\n');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
