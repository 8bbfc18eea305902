import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Credentials, createCredentialStore } from '../../src/client/credentials.ts';
import type { OAuthClient, TokenAnswer } from '../../src/client/oauth-client.ts';
import { createSession } from '../../src/client/session.ts';
import { CodedError } from '../../src/kernel/coded-error.ts';
import { createFastClock } from '../support/memory-host.ts';
import { json, type StandIn, startStandIn } from './stand-in-gateway.ts';

const GATEWAY = 'https://gateway.example.test';
const MINUTE_MS = 60_000;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-session-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function sessionWith(
  leftMs: number,
  answers: readonly (TokenAnswer | Error)[],
  more: Partial<Credentials> = {},
) {
  const clock = createFastClock();
  const credentials = createCredentialStore(folder, 'linux');
  await credentials.save({
    gateway: GATEWAY,
    email: 'ada@example.test',
    accessToken: 'old-access',
    expiresAtMs: clock.now() + leftMs,
    refreshToken: 'refresh-1',
    signedInAtMs: 1,
    ...more,
  });
  const queue = [...answers];
  const asked: string[] = [];
  const oauth: Pick<OAuthClient, 'refresh'> = {
    async refresh(token) {
      asked.push(token);
      const answer = queue.shift() ?? new Error('asked too often');
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const session = createSession({ gateway: GATEWAY, credentials, clock, oauth: async () => oauth });
  return { session, credentials, asked, clock };
}

const renewed = (more = {}): TokenAnswer => ({
  kind: 'tokens',
  tokens: {
    accessToken: 'new-access',
    expiresInSeconds: 3600,
    refreshToken: 'refresh-2',
    email: undefined,
    ...more,
  },
});
const refused = (status: number, error: string): TokenAnswer => ({ kind: 'error', status, error });

describe("a session's token", () => {
  it('is handed out as it is while 5 minutes are left', async () => {
    const { session, asked } = await sessionWith(5 * MINUTE_MS, []);
    expect(await session.currentToken()).toBe('old-access');
    expect(asked).toEqual([]);
  });

  it('is refreshed when less is left, and both tokens are replaced', async () => {
    const { session, asked, credentials, clock } = await sessionWith(5 * MINUTE_MS - 1, [renewed()]);
    expect(await session.currentToken()).toBe('new-access');
    expect(asked).toEqual(['refresh-1']);
    expect(await credentials.read(GATEWAY)).toMatchObject({
      accessToken: 'new-access',
      refreshToken: 'refresh-2',
      email: 'ada@example.test',
      expiresAtMs: clock.now() + 3_600_000,
      signedInAtMs: 1,
    });
  });

  it('keeps the refresh token when the gateway gives no new one', async () => {
    const { session, credentials } = await sessionWith(0, [renewed({ refreshToken: undefined })]);
    await session.currentToken();
    expect((await credentials.read(GATEWAY))?.refreshToken).toBe('refresh-1');
  });

  it('is refreshed once for callers at the same time', async () => {
    const { session, asked } = await sessionWith(0, [renewed()]);
    const all = await Promise.all([session.currentToken(), session.currentToken(), session.currentToken()]);
    expect(all).toEqual(['new-access', 'new-access', 'new-access']);
    expect(asked).toHaveLength(1);
  });

  it('is asked for once more when the answer got lost', async () => {
    const { session, asked } = await sessionWith(0, [new CodedError('gateway_unreachable'), renewed()]);
    expect(await session.currentToken()).toBe('new-access');
    expect(asked).toEqual(['refresh-1', 'refresh-1']);
  });

  it.each([503, 500, 429])(
    'is still handed out on %i while it has not expired, and the session is kept',
    async (status) => {
      const { session, credentials } = await sessionWith(MINUTE_MS, [
        refused(status, 'temporarily_unavailable'),
      ]);
      expect(await session.currentToken()).toBe('old-access');
      expect((await credentials.read(GATEWAY))?.refreshToken).toBe('refresh-1');
    },
  );

  it('that has expired cannot be had on 503, and the session is kept', async () => {
    const { session, credentials } = await sessionWith(-1, [refused(503, 'temporarily_unavailable')]);
    await expect(session.currentToken()).rejects.toMatchObject({ code: 'temporarily_unavailable' });
    expect((await credentials.read(GATEWAY))?.refreshToken).toBe('refresh-1');
  });

  it('that has not expired outlives a network that is gone', async () => {
    const gone = () => new CodedError('gateway_unreachable');
    const { session } = await sessionWith(MINUTE_MS, [gone(), gone()]);
    expect(await session.currentToken()).toBe('old-access');
  });

  it('ends with invalid_grant: nothing is kept', async () => {
    const { session, credentials } = await sessionWith(MINUTE_MS, [refused(401, 'invalid_grant')]);
    await expect(session.currentToken()).rejects.toMatchObject({ code: 'session_over' });
    expect(await credentials.read(GATEWAY)).toBeUndefined();
  });

  it('is not given to a gateway whose certificate changed, and the session is kept', async () => {
    const { session, credentials } = await sessionWith(MINUTE_MS, [new CodedError('certificate_changed')]);
    await expect(session.currentToken()).rejects.toMatchObject({ code: 'certificate_changed' });
    expect(await credentials.read(GATEWAY)).toBeDefined();
  });

  it('that the gateway refused is renewed although it has not expired', async () => {
    const { session, asked } = await sessionWith(60 * MINUTE_MS, [renewed()]);
    expect(await session.renewedToken('old-access')).toBe('new-access');
    expect(await session.currentToken()).toBe('new-access');
    expect(asked).toEqual(['refresh-1']);
  });

  it('that the gateway refused is renewed once for all whom it refused', async () => {
    const { session, asked } = await sessionWith(60 * MINUTE_MS, [renewed()]);
    const all = await Promise.all([1, 2, 3].map(() => session.renewedToken('old-access')));
    expect(all).toEqual(['new-access', 'new-access', 'new-access']);
    expect(asked).toHaveLength(1);
  });

  it('that the gateway refused is not handed out again when it cannot be renewed', async () => {
    const { session, credentials } = await sessionWith(60 * MINUTE_MS, [
      refused(503, 'temporarily_unavailable'),
      refused(401, 'invalid_grant'),
    ]);
    await expect(session.renewedToken('old-access')).rejects.toMatchObject({
      code: 'temporarily_unavailable',
    });
    expect(await credentials.read(GATEWAY)).toBeDefined();
    await expect(session.renewedToken('old-access')).rejects.toMatchObject({ code: 'session_over' });
    expect(await credentials.read(GATEWAY)).toBeUndefined();
  });

  it('that the gateway refused ends the session where there is no refresh token', async () => {
    const { session } = await sessionWith(60 * MINUTE_MS, [], { refreshToken: undefined });
    await expect(session.renewedToken('old-access')).rejects.toMatchObject({ code: 'session_over' });
  });

  it('without a refresh token is used to its end', async () => {
    const { session, clock } = await sessionWith(MINUTE_MS, [], { refreshToken: undefined });
    expect(await session.currentToken()).toBe('old-access');
    clock.advance(2 * MINUTE_MS);
    await expect(session.currentToken()).rejects.toMatchObject({ code: 'session_over' });
  });

  it('needs a session', async () => {
    const { session, credentials } = await sessionWith(0, []);
    await credentials.remove(GATEWAY);
    await expect(session.currentToken()).rejects.toMatchObject({ code: 'not_signed_in' });
  });
});

describe('two processes at once', () => {
  const children: ChildProcess[] = [];
  let server: StandIn;
  let release: () => void;
  let refreshAsked: Promise<void>;

  beforeEach(async () => {
    let isAsked = () => {};
    refreshAsked = new Promise((resolve) => {
      isAsked = resolve;
    });
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    server = await startStandIn({
      routes: {
        'POST /oauth/token': async (_request, response) => {
          isAsked();
          await released;
          json(response, 200, {
            access_token: 'new-access',
            token_type: 'Bearer',
            expires_in: 3600,
            refresh_token: 'r-2',
          });
        },
      },
    });
    await createCredentialStore(folder, 'linux').save({
      gateway: server.origin,
      email: undefined,
      accessToken: 'old-access',
      expiresAtMs: Date.now() - 1,
      refreshToken: 'r-1',
      signedInAtMs: 1,
    });
  });

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await server.close();
  });

  function start(): { readonly child: ChildProcess; readonly token: Promise<unknown> } {
    const child = fork(new URL('./token-printer.ts', import.meta.url), [], {
      env: { ...process.env, SALLYPORT_CONFIG_DIR: folder },
    });
    children.push(child);
    return { child, token: once(child, 'message').then(([message]) => message) };
  }

  const refreshes = () => server.seen.filter(({ url }) => url === '/oauth/token');

  it('refresh once between them', async () => {
    const both = [start(), start(), start()];
    await refreshAsked;
    release();
    expect(await Promise.all(both.map(({ token }) => token))).toEqual([
      'new-access',
      'new-access',
      'new-access',
    ]);
    expect(refreshes()).toHaveLength(1);
  });

  it('do not wait for one that was killed while refreshing', async () => {
    const first = start();
    await refreshAsked;
    const ended = once(first.child, 'exit');
    first.child.kill('SIGKILL');
    await ended;
    release();
    expect(await start().token).toBe('new-access');
    expect(refreshes().map(({ form }) => form.get('refresh_token'))).toEqual(['r-1', 'r-1']);
  });
});
