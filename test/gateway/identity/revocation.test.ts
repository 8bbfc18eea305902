import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RevocationTarget } from '../../../src/gateway/store/ports.ts';
import type { TokenResponse } from '../../../src/kernel/protocol.ts';
import { secret } from '../../../src/kernel/secret.ts';
import { ask, createDeviceFlow } from '../../support/device-flow.ts';
import {
  type IdentityGateway,
  JWT_SECRET,
  type Replica,
  startIdentityGateway,
} from '../../support/identity-gateway.ts';
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts';

let gateway: IdentityGateway;
let flow: ReturnType<typeof createDeviceFlow>;
let tokens: Required<TokenResponse>;
let sid: string;

beforeAll(async () => {
  gateway = await startIdentityGateway();
  flow = createDeviceFlow(gateway);
});
afterAll(() => gateway.close());
beforeEach(async () => {
  await gateway.restart();
  gateway.clock.advance(2_000);
  tokens = await flow.signIn();
  sid = String(decodeJwt(tokens.access_token)['sid']);
});
afterEach(() => {
  gateway.store.condition = 'up';
});

const statusOf = async (accessToken: string, at?: string) => (await flow.whoAmI(accessToken, at)).status;

/** Lets a process ask the store once for what is new. */
async function poll(clock: ManualClock): Promise<void> {
  const answered = gateway.store.answered('revocations.listAfter');
  clock.advance(1_000);
  await answered;
}

describe('signing out', () => {
  it.each(['access_token', 'refresh_token'] as const)(
    'by the %s ends the whole session at once',
    async (which) => {
      expect(await statusOf(tokens.access_token)).toBe(200);
      const answer = await flow.revoke(tokens[which]);
      expect(answer.status).toBe(200);
      expect(answer.json).toEqual({});
      const refused = await flow.whoAmI(tokens.access_token);
      expect(refused.status).toBe(401);
      expect(refused.headers.get('x-should-retry')).toBe('false');
      expect((await flow.refresh(tokens.refresh_token)).status).toBe(401);
      expect((await gateway.session(sid))?.revokedAtMs).toBe(gateway.clock.now());
      expect(gateway.eventsOf('session.revoke').at(-1)).toMatchObject({
        sub: 'practice-ada',
        sid,
        reason: 'signed_out',
        client_ip: '127.0.0.1',
        requestId: answer.headers.get('request-id'),
      });
      expect(gateway.eventsOf('auth.denied').at(-1)).toMatchObject({ reason: 'session_revoked' });
    },
  );

  it('ends every access token of the session, and no other session', async () => {
    const other = await flow.signIn();
    gateway.clock.advance(60_000);
    const fresh = JSON.parse((await flow.refresh(tokens.refresh_token)).text);
    await flow.revoke(fresh.access_token);
    expect(await statusOf(tokens.access_token)).toBe(401);
    expect(await statusOf(fresh.access_token)).toBe(401);
    expect(await statusOf(other.access_token)).toBe(200);
  });

  it('works with an access token that has expired long ago', async () => {
    gateway.clock.advance(20 * 86_400_000);
    expect(await statusOf(tokens.access_token)).toBe(401);
    expect((await flow.revoke(tokens.access_token)).status).toBe(200);
    expect((await flow.refresh(tokens.refresh_token)).status).toBe(401);
    expect((await gateway.session(sid))?.revokedAtMs).toBe(gateway.clock.now());
  });

  it('works with tokens of an older secret', async () => {
    const secrets = [secret('a newer session secret of the tests'), secret(JWT_SECRET)];
    await gateway.restart({ identity: { secrets } });
    await flow.revoke(tokens.access_token);
    expect(await statusOf(tokens.access_token)).toBe(401);
  });

  it('may be repeated, which changes and records nothing more', async () => {
    await flow.revoke(tokens.access_token);
    const { entries } = await gateway.store.revocations.listAfter(undefined, gateway.clock.now());
    expect((await flow.revoke(tokens.refresh_token)).status).toBe(200);
    expect((await flow.revoke(tokens.access_token)).status).toBe(200);
    expect((await gateway.store.revocations.listAfter(undefined, gateway.clock.now())).entries).toEqual(
      entries,
    );
  });

  it.each(['unknown', 'a.b.c', 'a..b.c.d', 'x'.repeat(10_000), '\u0000'])(
    'with %.12j, which means nothing here, is answered like the rest',
    async (token) => {
      const before = gateway.events.length;
      const answer = await ask(`${gateway.url}/oauth/revoke`, {
        form: { token, token_type_hint: 'nonsense' },
      });
      expect(answer.status).toBe(200);
      expect(answer.json).toEqual({});
      expect(gateway.events).toHaveLength(before);
    },
  );

  it.each([
    ['no token', {}, 'token is required'],
    ['an empty token', { token: '' }, 'token is required'],
    ['two tokens', new URLSearchParams('token=a&token=b'), 'token is repeated'],
  ])('with %s is a bad request', async (_what, form, sentence) => {
    const answer = await ask(`${gateway.url}/oauth/revoke`, { form });
    expect(answer.status).toBe(400);
    expect(answer.json).toEqual({ error: 'invalid_request', error_description: sentence });
  });
});

describe('signing out while the store is down', () => {
  it('holds here at once, is answered 503, and is written when the store is back', async () => {
    gateway.store.condition = 'down';
    const answer = await flow.revoke(tokens.access_token);
    expect(answer.status).toBe(503);
    expect(answer.json).toEqual({
      error: 'temporarily_unavailable',
      error_description: expect.stringContaining('signed out at this replica'),
    });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await statusOf(tokens.access_token)).toBe(401);
    await poll(gateway.clock);
    expect((await flow.revoke(tokens.access_token)).status).toBe(503);

    gateway.store.condition = 'up';
    expect((await gateway.session(sid))?.revokedAtMs).toBeUndefined();
    const written = gateway.store.answered('sessions.revoke');
    gateway.clock.advance(1_000);
    await written;
    expect((await gateway.session(sid))?.revokedAtMs).toEqual(expect.any(Number));
    expect((await flow.revoke(tokens.access_token)).status).toBe(200);
    const { entries } = await gateway.store.revocations.listAfter(undefined, gateway.clock.now());
    expect(entries.filter(({ target }) => 'sid' in target && target.sid === sid)).toHaveLength(1);
    await gateway.restart();
    expect(await statusOf(tokens.access_token)).toBe(401);
  });

  it('does not keep the process from hearing of others', async () => {
    const other = await flow.signIn();
    gateway.store.condition = 'down';
    await flow.revoke(tokens.access_token);
    gateway.store.condition = 'up';
    gateway.store.before('sessions.revoke', () => Promise.reject(new Error('this one can never be written')));
    await gateway.store.revocations.add(revocationOf({ sid: String(decodeJwt(other.access_token)['sid']) }));
    await poll(gateway.clock);
    expect(await statusOf(other.access_token)).toBe(401);
    expect(await gateway.log.line(/can never be written/)).toMatch(/^error revocations: /);
  });
});

describe('a process that stops with sign-outs to write', () => {
  let replica: Replica;
  let theirClock: ManualClock;
  beforeEach(async () => {
    theirClock = createManualClock(gateway.clock.now());
    replica = await gateway.replica(theirClock);
    gateway.store.condition = 'down';
    expect((await flow.revoke(tokens.access_token, replica.url)).status).toBe(503);
  });
  const lost = () =>
    gateway.log.lines.filter((line) => line.includes('could not be written before the stop'));

  it('writes them when the store is back', async () => {
    const before = lost().length;
    gateway.store.condition = 'up';
    await replica.close();
    expect((await gateway.session(sid))?.revokedAtMs).toEqual(expect.any(Number));
    expect(lost()).toHaveLength(before);
  });

  it('logs how many are lost when it is not', async () => {
    const second = await flow.revoke((await signInBefore()).refresh_token, replica.url);
    expect(second.status).toBe(503);
    await replica.close();
    expect(lost().at(-1)).toMatch(/^error sign-outs that could not be written before the stop: 2;/);
    expect((await gateway.session(sid))?.revokedAtMs).toBeUndefined();
  });

  it('waits half a second for a store that says nothing', async () => {
    gateway.store.condition = 'silent';
    const before = lost().length;
    const closed = replica.close();
    expect(await theirClock.sleeper()).toBe(500);
    theirClock.advance(500);
    await closed;
    expect(lost()).toHaveLength(before + 1);
  });

  /** A session that began while the store was up. */
  async function signInBefore() {
    gateway.store.condition = 'up';
    const another = await flow.signIn();
    gateway.store.condition = 'down';
    return another;
  }
});

const revocationOf = (target: RevocationTarget) => ({
  target,
  sinceMs: gateway.clock.now(),
  untilMs: gateway.clock.now() + 86_400_000,
});

describe('a revocation made at another replica', () => {
  let replica: Replica;
  let theirClock: ManualClock;
  beforeEach(async () => {
    theirClock = createManualClock(gateway.clock.now());
    replica = await gateway.replica(theirClock);
  });
  afterEach(() => replica.close());

  it('arrives with the next question, which is asked every second', async () => {
    expect(await statusOf(tokens.access_token, replica.url)).toBe(200);
    await flow.revoke(tokens.access_token);
    expect(await statusOf(tokens.access_token, replica.url)).toBe(200);
    expect(await theirClock.sleeper()).toBeLessThanOrEqual(1_000);
    await poll(theirClock);
    expect(await statusOf(tokens.access_token, replica.url)).toBe(401);
    expect((await flow.refresh(tokens.refresh_token, replica.url)).status).toBe(401);
  });

  it('arrives after an outage, too', async () => {
    gateway.store.condition = 'down';
    await poll(theirClock);
    await poll(theirClock);
    gateway.store.condition = 'up';
    await flow.revoke(tokens.access_token);
    expect(await statusOf(tokens.access_token, replica.url)).toBe(200);
    await poll(theirClock);
    expect(await statusOf(tokens.access_token, replica.url)).toBe(401);
  });

  it('keeps holding while the store is down', async () => {
    await flow.revoke(tokens.access_token);
    await poll(theirClock);
    gateway.store.condition = 'down';
    await poll(theirClock);
    expect(await statusOf(tokens.access_token, replica.url)).toBe(401);
  });

  it('is known to a process from its start', async () => {
    await flow.revoke(tokens.access_token);
    const newcomer = await gateway.replica();
    expect(await statusOf(tokens.access_token, newcomer.url)).toBe(401);
    await newcomer.close();
  });

  it('of a person ends all sessions of that person, and none that begins later', async () => {
    const second = await flow.signIn();
    const other = await flow.signIn('practice-con');
    await gateway.store.sessions.revoke(
      { sub: 'practice-ada' },
      gateway.clock.now(),
      gateway.clock.now() + 86_400_000,
    );
    await poll(gateway.clock);
    expect(await statusOf(tokens.access_token)).toBe(401);
    expect(await statusOf(second.access_token)).toBe(401);
    expect((await flow.refresh(tokens.refresh_token)).status).toBe(401);
    expect(await statusOf(other.access_token)).toBe(200);
    const later = await flow.signIn();
    expect(await statusOf(later.access_token)).toBe(200);
    expect((await flow.refresh(later.refresh_token)).status).toBe(200);
  });

  it('of everybody ends every session, and none that begins later', async () => {
    const other = await flow.signIn('practice-con');
    await gateway.store.sessions.revoke({ all: true }, gateway.clock.now(), gateway.clock.now() + 86_400_000);
    await poll(gateway.clock);
    expect(await statusOf(tokens.access_token)).toBe(401);
    expect(await statusOf(other.access_token)).toBe(401);
    expect((await flow.refresh(other.refresh_token)).status).toBe(401);
    expect(await statusOf((await flow.signIn()).access_token)).toBe(200);
  });
});
