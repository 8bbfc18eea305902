import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGoogleGroups, type GoogleGroups } from '../../../src/gateway/identity/google-groups.ts';
import { createProviderFetch } from '../../../src/gateway/identity/openid-fetch.ts';
import { ADA, createTestClock, failureOf, startWorld, type TestClock } from './openid-world.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const signal = new AbortController().signal;

let folder: string;
let file: string;
let google: Server;
let origin: string;
let clock: TestClock;
let asked: {
  path: string;
  query: URLSearchParams;
  authorization: string | undefined;
  form: URLSearchParams;
}[];
/** What the directory answers, page by page. */
let pages: Record<string, object>;
let answerInstead: { path: string; status: number; body: unknown } | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-google-'));
  file = join(folder, 'service-account.json');
  clock = createTestClock();
  asked = [];
  answerInstead = undefined;
  pages = {
    '': { groups: [{ email: 'eng@example.test' }], nextPageToken: 'second' },
    second: { groups: [{ email: 'ops@example.test', name: 'Ops' }] },
  };
  google = createServer((message, response) => void serve(message, response));
  google.listen(0, '127.0.0.1');
  await once(google, 'listening');
  origin = `http://127.0.0.1:${(google.address() as AddressInfo).port}`;
  writeKeyFile({});
});

afterEach(() => {
  google.closeAllConnections();
  google.close();
  rmSync(folder, { recursive: true, force: true });
});

function writeKeyFile(change: object): void {
  const key = {
    type: 'service_account',
    client_email: 'robot@project.example.test',
    private_key: privateKey.export({ format: 'pem', type: 'pkcs8' }),
    private_key_id: 'key-1',
    token_uri: `${origin}/token`,
  };
  writeFileSync(file, JSON.stringify({ ...key, ...change }));
}

async function serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const chunk of message) body += chunk;
  const { pathname: path, searchParams: query } = new URL(message.url ?? '', origin);
  const { authorization } = message.headers;
  asked.push({ path, query, authorization, form: new URLSearchParams(body) });
  if (answerInstead?.path === path) {
    response.writeHead(answerInstead.status).end(JSON.stringify(answerInstead.body));
    return;
  }
  const answer =
    path === '/token'
      ? { access_token: `directory-token-${asked.length}`, expires_in: 3600, token_type: 'Bearer' }
      : pages[query.get('pageToken') ?? ''];
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
}

const directory = (): Promise<GoogleGroups> =>
  createGoogleGroups(
    { serviceAccountJsonPath: file, adminEmail: 'admin@example.test', directoryUrl: `${origin}/groups` },
    { fetch: createProviderFetch(fetch), clock },
  );

describe("Google's directory", () => {
  it('lists the addresses of all groups, page after page', async () => {
    const groupsOf = await directory();
    expect(await groupsOf('ada+x@example.test', signal)).toEqual(['eng@example.test', 'ops@example.test']);
    const [, first, second] = asked;
    expect(first?.query.get('userKey')).toBe('ada+x@example.test');
    expect(first?.query.has('pageToken')).toBe(false);
    expect(second?.query.get('pageToken')).toBe('second');
    expect(second?.authorization).toBe('Bearer directory-token-1');
  });

  it('is asked in the name of the administrator, read-only', async () => {
    await (await directory())('ada@example.test', signal);
    const form = asked[0]?.form;
    expect(form?.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
    const { payload, protectedHeader } = await jwtVerify(form?.get('assertion') ?? '', publicKey);
    expect(protectedHeader).toMatchObject({ alg: 'RS256', kid: 'key-1' });
    expect(payload).toMatchObject({
      iss: 'robot@project.example.test',
      sub: 'admin@example.test',
      aud: `${origin}/token`,
      scope: 'https://www.googleapis.com/auth/admin.directory.group.readonly',
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3600);
  });

  it('is asked with one token until shortly before its end', async () => {
    const groupsOf = await directory();
    const tokens = () => asked.filter(({ path }) => path === '/token').length;
    await groupsOf('ada@example.test', signal);
    clock.advance(58 * 60_000);
    await groupsOf('con@example.test', signal);
    expect(tokens()).toBe(1);
    clock.advance(2 * 60_000);
    await groupsOf('pat@example.test', signal);
    expect(tokens()).toBe(2);
  });

  it('that knows no groups of somebody says so', async () => {
    pages = { '': {} };
    expect(await (await directory())('ada@example.test', signal)).toEqual([]);
  });

  it.each([
    ['/token', 400, { error: 'invalid_grant' }, 'idp_misconfigured'],
    ['/token', 401, { error: 'unauthorized_client' }, 'idp_misconfigured'],
    ['/token', 503, {}, 'idp_unreachable'],
    ['/token', 200, { token_type: 'Bearer' }, 'idp_answer'],
    ['/groups', 403, { error: { code: 403 } }, 'idp_misconfigured'],
    ['/groups', 404, {}, 'idp_misconfigured'],
    ['/groups', 500, {}, 'idp_unreachable'],
    ['/groups', 200, { groups: [{ name: 'without address' }] }, 'idp_answer'],
    ['/groups', 200, { groups: [], nextPageToken: 'again' }, 'idp_answer'],
  ])(
    'failing at %s with %d %j is an operator error, never a person without groups',
    async (path, status, body, code) => {
      answerInstead = { path, status, body };
      expect(await failureOf((await directory())('ada@example.test', signal))).toMatchObject({ code });
    },
  );

  it.each([
    ['missing', () => rmSync(file), 'ENOENT'],
    ['no JSON', () => writeFileSync(file, '{'), 'is not the key file'],
    ['without a key', () => writeKeyFile({ private_key: undefined }), 'is not the key file'],
    ['with a garbled key', () => writeKeyFile({ private_key: 'secret garbage' }), 'is not the key file'],
  ])('keeps the gateway from starting when the key file is %s', async (_what, spoil, words) => {
    spoil();
    const error = await failureOf(directory());
    expect(error).toMatchObject({
      code: 'idp_misconfigured',
      detail: expect.stringMatching(
        new RegExp(`oidc\\.google_groups\\.service_account_json_path: .*${words}`),
      ),
    });
    expect(String(error)).not.toContain('garbage');
  });
});

describe('a provider with google_groups', () => {
  const googleGroups = () => ({
    serviceAccountJsonPath: file,
    adminEmail: 'admin@example.test',
    directoryUrl: `${origin}/groups`,
  });

  it('takes groups from the directory at sign-in and at refresh, not from the token', async () => {
    const world = await startWorld({ googleGroups: googleGroups() });
    try {
      const { claims, refreshToken = '' } = await world.signIn();
      expect(claims).toMatchObject({ sub: ADA, groups: ['eng@example.test', 'ops@example.test'] });
      pages = { '': { groups: [{ email: 'new@example.test' }] } };
      world.idp.intercept('/token', async (_request, original) => {
        const { body, ...answer } = await original();
        return { ...answer, body: { ...body, id_token: undefined } };
      });
      expect((await world.provider.refresh({ refreshToken, claims })).claims.groups).toEqual([
        'new@example.test',
      ]);
    } finally {
      await world.close();
    }
  });

  it('ends a sign-in and a refresh with an operator error when the directory fails', async () => {
    const world = await startWorld({ googleGroups: googleGroups() });
    try {
      const { claims, refreshToken = '' } = await world.signIn();
      answerInstead = { path: '/groups', status: 500, body: {} };
      expect(await failureOf(world.signIn())).toMatchObject({ code: 'idp_unreachable' });
      expect(await failureOf(world.provider.refresh({ refreshToken, claims }))).toMatchObject({
        code: 'idp_unreachable',
        detail: 'HTTP 500 (at google_groups)',
      });
      expect(world.log.at('error')).toHaveLength(1);
    } finally {
      await world.close();
    }
  });

  it('refuses somebody without an email to look up', async () => {
    const world = await startWorld({ googleGroups: googleGroups() });
    try {
      world.forgeIdToken(({ email: _, ...claims }) => claims);
      expect(await failureOf(world.signIn())).toMatchObject({
        code: 'sign_in_refused',
        facts: { reason: 'email_missing' },
      });
    } finally {
      await world.close();
    }
  });
});
