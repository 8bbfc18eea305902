import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TokenResponse } from '../../../src/kernel/protocol.ts';
import { secret } from '../../../src/kernel/secret.ts';
import { type Answer, createDeviceFlow } from '../../support/device-flow.ts';
import { type IdentityGateway, JWT_SECRET, startIdentityGateway } from '../../support/identity-gateway.ts';

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
  tokens = await flow.signIn();
  sid = sidOf(tokens);
});
afterEach(() => {
  gateway.store.condition = 'up';
  gateway.idp.intercept('/token', undefined);
});

const sidOf = ({ access_token }: TokenResponse) => String(decodeJwt(access_token)['sid']);
const errorOf = ({ status, json }: Answer) => [status, json['error']];
const lastRefresh = () => gateway.eventsOf('session.refresh').at(-1);
const providerWasAsked = () =>
  gateway.idp.requests.filter(({ form }) => form.get('grant_type') === 'refresh_token').length;
const minutes = (count: number) => gateway.clock.advance(count * 60_000);

/** The tokens of a refresh that must work. */
async function renewed(token: string, at?: string): Promise<Required<TokenResponse>> {
  const answer = await flow.refresh(token, at);
  if (answer.status !== 200) throw new Error(`refresh: ${answer.status} ${answer.text}`);
  return JSON.parse(answer.text);
}

describe('a refresh', () => {
  it('brings a new pair for the same session', async () => {
    minutes(50);
    const answer = await flow.refresh(tokens.refresh_token);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 3600,
      refresh_token: expect.any(String),
      email: 'ada@example.test',
    });
    const fresh = JSON.parse(answer.text);
    expect(fresh.refresh_token).not.toBe(tokens.refresh_token);
    expect(sidOf(fresh)).toBe(sid);
    expect(decodeJwt(fresh.access_token).iat).toBe(Math.floor(gateway.clock.now() / 1000));
    expect(await gateway.session(sid)).toMatchObject({
      refreshNumber: 1,
      renewedAtMs: gateway.clock.now(),
      expiresAtMs: gateway.clock.now() + 30 * 86_400_000,
    });
    expect(lastRefresh()).toMatchObject({
      sub: 'practice-ada',
      email: 'ada@example.test',
      client_ip: '127.0.0.1',
      sid,
      result: 'ok',
      requestId: answer.headers.get('request-id'),
    });
  });

  it('works again and again, each time from the newest token', async () => {
    let token = tokens.refresh_token;
    for (let number = 1; number <= 4; number += 1) {
      minutes(50);
      token = (await renewed(token)).refresh_token;
      expect((await gateway.session(sid))?.refreshNumber).toBe(number);
    }
  });

  it('ends with the life of the refresh token', async () => {
    minutes(30 * 24 * 60 - 1);
    tokens = await renewed(tokens.refresh_token);
    minutes(30 * 24 * 60);
    expect(errorOf(await flow.refresh(tokens.refresh_token))).toEqual([401, 'invalid_grant']);
    expect(lastRefresh()).toMatchObject({ result: 'invalid_token' });
  });

  it.each(['nothing of ours', 'a.b.c', 'x'.repeat(100_000)])(
    'with %.20s is 401 and asks nobody',
    async (text) => {
      const before = providerWasAsked();
      expect(errorOf(await flow.refresh(text))).toEqual([401, 'invalid_grant']);
      expect(providerWasAsked()).toBe(before);
    },
  );

  it('does not take the access token', async () => {
    expect(errorOf(await flow.refresh(tokens.access_token))).toEqual([401, 'invalid_grant']);
  });

  it('keeps working when the secret was rotated, and no longer once the old one is gone', async () => {
    const newer = secret('a newer session secret of the tests');
    await gateway.restart({ identity: { secrets: [newer, secret(JWT_SECRET)] } });
    const fresh = await renewed(tokens.refresh_token);
    await gateway.restart({ identity: { secrets: [newer] } });
    expect((await flow.whoAmI(fresh.access_token)).status).toBe(200);
    expect((await flow.refresh(fresh.refresh_token)).status).toBe(200);
    expect(errorOf(await flow.refresh(tokens.refresh_token))).toEqual([401, 'invalid_grant']);
  });

  it('carries hundreds of groups along', async () => {
    const groups = Array.from(
      { length: 900 },
      (_, i) => `CN=group-${i},OU=A long organisational unit,DC=example,DC=test`,
    );
    gateway.idp.intercept('/me', () => ({ status: 200, body: { sub: 'practice-ada', hundreds: groups } }));
    await gateway.restart({ provider: { groupsClaim: 'hundreds', userinfoFallback: true } });
    const many = await flow.signIn();
    expect(decodeJwt(many.access_token)['groups']).toHaveLength(900);
    minutes(50);
    expect(decodeJwt((await renewed(many.refresh_token)).access_token)['groups']).toHaveLength(900);
    gateway.idp.intercept('/me', undefined);
  });
});

describe('the same refresh token shown again', () => {
  it('within 30 s gets the same answer, and the provider is asked once', async () => {
    const before = providerWasAsked();
    const first = await flow.refresh(tokens.refresh_token);
    gateway.clock.advance(29_999);
    const second = await flow.refresh(tokens.refresh_token);
    expect(second.status).toBe(200);
    expect(second.text).toBe(first.text);
    expect(providerWasAsked()).toBe(before + 1);
  });

  it('at the same moment by ten terminals gets one answer', async () => {
    const before = providerWasAsked();
    const answers = await Promise.all(Array.from({ length: 10 }, () => flow.refresh(tokens.refresh_token)));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]?.status).toBe(200);
    expect(providerWasAsked()).toBe(before + 1);
  });

  it('after 30 s means that a copy is in use: the session is over', async () => {
    const fresh = await renewed(tokens.refresh_token);
    expect((await flow.whoAmI(fresh.access_token)).status).toBe(200);
    const before = providerWasAsked();
    gateway.clock.advance(30_001);
    const answer = await flow.refresh(tokens.refresh_token);
    expect(errorOf(answer)).toEqual([401, 'invalid_grant']);
    expect(providerWasAsked()).toBe(before);
    expect(gateway.eventsOf('session.revoke').at(-1)).toMatchObject({
      sub: 'practice-ada',
      sid,
      reason: 'reuse_detected',
      requestId: answer.headers.get('request-id'),
    });
    expect(lastRefresh()).toMatchObject({ sid, result: 'denied', reason: 'reuse_detected' });
    expect(gateway.log.lines.at(-1)).toMatch(
      /^warn a replaced refresh token was shown again.*sub=practice-ada$/,
    );
    expect((await flow.whoAmI(fresh.access_token)).status).toBe(401);
    expect(errorOf(await flow.refresh(fresh.refresh_token))).toEqual([401, 'invalid_grant']);
    expect(lastRefresh()).toMatchObject({ result: 'denied', reason: 'session_revoked' });
  });

  it('within 30 s of a sign-out gets nothing', async () => {
    await flow.refresh(tokens.refresh_token);
    await flow.revoke(tokens.refresh_token);
    expect(errorOf(await flow.refresh(tokens.refresh_token))).toEqual([401, 'invalid_grant']);
  });

  it('after a failure asks again', async () => {
    gateway.idp.intercept('/token', () => ({ status: 500, body: {} }));
    expect((await flow.refresh(tokens.refresh_token)).status).toBe(503);
    gateway.idp.intercept('/token', undefined);
    expect((await flow.refresh(tokens.refresh_token)).status).toBe(200);
  });
});

describe('refreshes of one session', () => {
  it('run one after the other', async () => {
    const fresh = await renewed(tokens.refresh_token);
    let running = 0;
    let most = 0;
    gateway.idp.intercept('/token', async (_request, original) => {
      running += 1;
      most = Math.max(most, running);
      const answer = await original();
      running -= 1;
      return answer;
    });
    gateway.clock.advance(1);
    await gateway.restart();
    await Promise.all([flow.refresh(tokens.refresh_token), flow.refresh(fresh.refresh_token)]);
    expect(most).toBe(1);
  });

  it('of two people run side by side', async () => {
    const other = await flow.signIn('practice-con');
    const arrived: (() => void)[] = [];
    gateway.idp.intercept('/token', async (_request, original) => {
      await new Promise<void>((resolve) => {
        arrived.push(resolve);
        if (arrived.length === 2) for (const go of arrived) go();
      });
      return original();
    });
    const answers = await Promise.all([
      flow.refresh(tokens.refresh_token),
      flow.refresh(other.refresh_token),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });
});

describe('a refresh while the store', () => {
  it('is down works, and is checked at the next one', async () => {
    gateway.store.condition = 'down';
    const during = await renewed(tokens.refresh_token);
    expect((await flow.whoAmI(during.access_token)).status).toBe(200);
    gateway.store.condition = 'up';
    expect((await gateway.session(sid))?.refreshNumber).toBe(0);
    minutes(50);
    const after = await renewed(during.refresh_token);
    expect((await gateway.session(sid))?.refreshNumber).toBe(2);
    minutes(1);
    expect(errorOf(await flow.refresh(during.refresh_token))).toEqual([401, 'invalid_grant']);
    expect((await flow.whoAmI(after.access_token)).status).toBe(401);
  });

  it('takes questions and never answers goes on after half a second', async () => {
    gateway.store.condition = 'silent';
    const answer = flow.refresh(tokens.refresh_token);
    for (const method of ['sessions.find', 'sessions.renew']) {
      await new Promise<void>((resolve) => gateway.store.before(method, resolve));
      await new Promise(setImmediate);
      gateway.clock.advance(500);
    }
    expect((await answer).status).toBe(200);
  });

  it('is down lets nobody in who was signed out before', async () => {
    await flow.revoke(tokens.access_token);
    gateway.store.condition = 'down';
    expect(errorOf(await flow.refresh(tokens.refresh_token))).toEqual([401, 'invalid_grant']);
  });

  it('knows of a revocation that this process has not heard of yet is refused', async () => {
    await gateway.store.sessions.revoke({ sid }, gateway.clock.now(), gateway.clock.now() + 1);
    expect(errorOf(await flow.refresh(tokens.refresh_token))).toEqual([401, 'invalid_grant']);
    expect(lastRefresh()).toMatchObject({ result: 'denied', reason: 'session_revoked' });
  });

  it('hears of a sign-out while the provider is asked is refused', async () => {
    for (const condition of ['up', 'down'] as const) {
      const { refresh_token, access_token } = await flow.signIn();
      gateway.idp.intercept('/token', async (_request, original) => {
        await flow.revoke(access_token);
        gateway.store.condition = condition;
        return original();
      });
      expect(errorOf(await flow.refresh(refresh_token))).toEqual([401, 'invalid_grant']);
      gateway.idp.intercept('/token', undefined);
      gateway.store.condition = 'up';
    }
  });
});
