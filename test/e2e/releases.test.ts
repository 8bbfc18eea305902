import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrations } from '../../src/gateway/store/migrations/migrations.ts';
import { type Deployment, SECRETS, startDeployment } from '../support/deployment.ts';
import { ask, createDeviceFlow } from '../support/device-flow.ts';
import { type GatewayProcess, transcript } from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';
import { type Edit, makeOtherBuild, type OtherBuild } from '../support/other-build.ts';
import { createTestDatabase, describeWithPostgres, type TestDatabase } from '../support/postgres.ts';

const KNOWN = migrations.at(-1)?.id ?? 0;
const [ADDS, TAKES_AWAY] = [KNOWN + 1, KNOWN + 2];

/** The end of the table of migrations. */
const END = '\n  },\n];\n';
const migration = (text: string): Edit => [
  'src/gateway/store/migrations/migrations.ts',
  END,
  `${END.replace('];\n', '')}${text}];\n`,
];

const adds = `  { id: ${ADDS}, name: 'adds', statements: [
    "alter table kv add column origin text not null default 'somewhere'",
    'alter table sessions add column mood text',
    "alter table revocations add column why text default 'because'",
    'create table later (id integer primary key)',
  ] },
`;
const takesAway = `  { id: ${TAKES_AWAY}, name: 'takes away', statements: ['alter table sessions drop column client'],
    needs: { id: ${ADDS}, release: '0.3.0' } },
`;

/** The next release: it adds to the tables, to everything that is sealed and to access tokens. */
const NEXT: readonly Edit[] = [
  migration(adds),
  [
    'src/gateway/identity/sealer.ts',
    'JSON.stringify(value)',
    "JSON.stringify({ ...Object(value), later: 'added' })",
  ],
  [
    'src/gateway/identity/access-token.ts',
    'const claims = {\n        sid,',
    "const claims = {\n        later: 'added',\n        sid,",
  ],
  ['src/gateway/store/grants.ts', "state: 'pending',", "state: 'pending', later: 'added',"],
];

describeWithPostgres('two releases on one store', () => {
  let database: TestDatabase;
  let deployment: Deployment;
  let today: GatewayProcess;
  let next: GatewayProcess;
  const builds: OtherBuild[] = [];
  const tokens: string[] = [];

  const build = (edits: readonly Edit[]): string => {
    const made = makeOtherBuild(edits);
    builds.push(made);
    return made.cli;
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    deployment = await startDeployment({ replicas: 2, store: { postgres_url: database.url } });
    // The second one, whose address the sign-in pages have, is replaced by the next release.
    [today, next] = deployment.gateways as [GatewayProcess, GatewayProcess];
    await next.stop();
    next = await deployment.start(deployment.configs[1] ?? {}, build(NEXT));
  });

  afterAll(async () => {
    await deployment?.close();
    await database?.drop();
    for (const { remove } of builds) remove();
  });

  const models = async (at: GatewayProcess, bearer: unknown) =>
    (await ask(`${at.url}/v1/models`, { bearer: String(bearer) })).status;
  const seen = <T extends Readonly<Record<string, unknown>>>(answer: T): T => {
    for (const name of ['access_token', 'refresh_token']) tokens.push(String(answer[name]));
    return answer;
  };

  it('the next one migrates while today’s runs', () => {
    expect(next.lines.filter((line) => line.includes('migration'))).toEqual([
      expect.stringMatching(new RegExp(` info migration ${ADDS} applied$`)),
    ]);
  });

  it.each([
    ['today’s', 'the next', () => [today, next] as const],
    ['the next', 'today’s', () => [next, today] as const],
  ])(
    'a sign-in that begins at %s ends at %s, and its session is good at both and renewed by turns',
    async (_a, _b, order) => {
      const [first, second] = order();
      const flow = createDeviceFlow({ url: first.url });
      const grant = await flow.start();
      expect((await flow.approve(grant)).status).toBe(200);
      let session = seen((await flow.poll(grant.device_code, second.url)).json);
      for (const at of [first, second, first, second]) {
        expect(await models(at, session['access_token'])).toBe(200);
        const shown = String(session['refresh_token']);
        const renewed = await flow.refresh(shown, at.url);
        expect(renewed.status).toBe(200);
        const again = await flow.refresh(shown, at === first ? second.url : first.url);
        expect(again.text).toBe(renewed.text);
        session = seen(renewed.json);
      }
      expect(await models(first, session['access_token'])).toBe(200);
      expect((await flow.revoke(String(session['refresh_token']), first.url)).status).toBe(200);
      await expect
        .poll(() => models(second, session['access_token']), { timeout: 5_000, interval: 100 })
        .toBe(401);
    },
  );

  it('today’s starts on the tables of the next', async () => {
    expect(await today.stop()).toBe(0);
    today = await deployment.start(deployment.configs[0] ?? {});
    expect(today.lines.filter((line) => line.includes('migration'))).toEqual([]);
    seen(await createDeviceFlow({ url: today.url }).signIn());
  });

  it('the one after it takes away what today’s needs: the next one goes on, today’s does not start and says what to run', async () => {
    expect(await today.stop()).toBe(0);
    const [config] = deployment.configs;
    const afterNext = await deployment.start(config ?? {}, build([migration(adds + takesAway)]));
    expect(await afterNext.stop()).toBe(0);
    await expect(deployment.start(config ?? {})).rejects.toThrow(
      `a newer release has changed the tables (migration ${TAKES_AWAY}) so that this one cannot use them; run Sallyport 0.3.0 or newer`,
    );
    expect(await next.stop()).toBe(0);
    next = await deployment.start(deployment.configs[1] ?? {}, builds[0]?.cli);
    expect(next.lines.filter((line) => line.includes('migration'))).toEqual([]);
  });

  it('nothing secret was printed', () => {
    expectNoLeaks(transcript, [...Object.values(SECRETS), ...tokens]);
  });
});
