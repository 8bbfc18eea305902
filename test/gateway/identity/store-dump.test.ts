import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { beforeAll, describe, expect, it } from 'vitest';
import { createDeviceFlow } from '../../support/device-flow.ts';
import { type IdentityGateway, JWT_SECRET, startIdentityGateway } from '../../support/identity-gateway.ts';

/** What must not be found, by what it is. */
const secrets = new Map<string, string>();
let gateway: IdentityGateway;
let dump: string;

const PERSON = {
  sub: 'subject-0001',
  name: 'Grace Confidential',
  email: 'grace@confidential.test',
  groups: ['group-confidential'],
  about: 'a person',
};

/** Leaves a grant in every state there is, and sessions that were renewed and ended. */
async function useIdentity(): Promise<void> {
  const flow = createDeviceFlow(gateway);
  let count = 0;
  const start = async () => {
    const grant = await flow.start({ surface: 'surface-confidential' }, '203.0.113.77');
    count += 1;
    secrets.set(`device code ${count}`, grant.device_code);
    secrets.set(`user code ${count}`, grant.user_code);
    secrets.set(`user code ${count} without dash`, grant.user_code.replace('-', ''));
    return grant;
  };
  const remember = (
    what: string,
    { access_token, refresh_token }: { access_token: string; refresh_token: string },
  ) => {
    secrets.set(`access token ${what}`, access_token);
    secrets.set(`refresh token ${what}`, refresh_token);
  };
  gateway.idp.intercept('/token', async (request, original) => {
    const answer = await original();
    secrets.set(
      `verifier ${secrets.size}`,
      request.form.get('code_verifier') ?? 'none here, it was a refresh',
    );
    for (const name of ['access_token', 'refresh_token', 'id_token'])
      secrets.set(`provider's ${name} ${secrets.size}`, String(answer.body[name]));
    return answer;
  });

  secrets.set('signing secret', JWT_SECRET);
  await start();
  const sentAway = await flow.goToProvider((await start()).user_code);
  for (const name of ['state', 'nonce'])
    secrets.set(name, sentAway.authorizationUrl.searchParams.get(name) ?? '');
  secrets.set('authorization code', new URL(sentAway.callbackUrl).searchParams.get('code') ?? '');
  secrets.set('browser cookie', sentAway.cookie.split('=')[1] ?? '');
  await flow.approve(await start());
  await flow.submit((await start()).user_code, 'deny');
  const used = await start();
  await flow.approve(used);
  const tokens = JSON.parse((await flow.poll(used.device_code)).text);
  remember('of a sign-in', tokens);
  const renewed = JSON.parse((await flow.refresh(tokens.refresh_token)).text);
  remember('of a refresh', renewed);
  const ended = await flow.signIn();
  remember('of an ended session', ended);
  await flow.revoke(ended.refresh_token);
}

beforeAll(async () => {
  gateway = await startIdentityGateway({}, { people: [PERSON] });
  await useIdentity();
  await gateway.close(async (folder) => {
    dump = await dumpOf(join(folder, 'data'));
  });
});

/** Every row of every table, one a line. */
async function dumpOf(folder: string): Promise<string> {
  const database = await PGlite.create({ dataDir: folder });
  const { rows: tables } = await database.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public'",
  );
  const lines: string[] = [];
  for (const { name } of tables) {
    const { rows } = await database.query<{ line: string }>(
      `select row_to_json(t)::text as line from "${name}" t`,
    );
    lines.push(...rows.map(({ line }) => line));
  }
  await database.close();
  return lines.join('\n');
}

describe('a dump of the store', () => {
  it('holds all there is: grants in every state, limits, sessions, revocations', () => {
    for (const state of ['pending', 'approved', 'denied', 'used'])
      expect(dump).toContain(`"state": "${state}"`);
    for (const part of [
      'rate:deviceAuthorization',
      'grant:',
      'code:',
      'refresh:',
      PERSON.sub,
      '"revoked_at"',
    ])
      expect(dump).toContain(part);
    expect(secrets.size).toBeGreaterThan(25);
  });

  it('holds no code, token, verifier, nonce, cookie or secret', () => {
    const found = [...secrets].filter(([, value]) => value.length === 0 || dump.includes(value));
    expect(found.map(([what]) => what)).toEqual([]);
  });

  it('holds no plain digest of a user code, which could be searched for', () => {
    const codes = [...secrets].filter(([what]) => what.startsWith('user code')).map(([, code]) => code);
    expect(codes).toHaveLength(10);
    for (const code of [...codes, ...codes.map((text) => text.toLowerCase())])
      for (const algorithm of ['md5', 'sha1', 'sha256', 'sha512'])
        for (const encoding of ['hex', 'base64', 'base64url'] as const)
          expect(dump).not.toContain(createHash(algorithm).update(code).digest(encoding).slice(0, 20));
  });

  it('holds the SHA-256 of each device code that it still knows', () => {
    const codes = [...secrets].filter(([what]) => what.startsWith('device code')).map(([, code]) => code);
    expect(codes).toHaveLength(5);
    for (const code of codes) expect(dump).toContain(createHash('sha256').update(code).digest('base64url'));
  });

  it('tells nothing of the person but the subject', () => {
    for (const claim of [PERSON.name, PERSON.email, 'confidential.test', ...PERSON.groups])
      expect(dump).not.toContain(claim);
  });

  it('keeps nothing sealed of a grant that is over', () => {
    const grants = dump.split('\n').filter((line) => line.includes('"key":"grant:'));
    const sealed = grants.filter((line) => line.includes('"sealed"'));
    expect(grants).toHaveLength(6);
    expect(sealed.map((line) => /"state": "(\w+)"/.exec(line)?.[1]).sort()).toEqual([
      'approved',
      'pending',
      'pending',
    ]);
  });
});
