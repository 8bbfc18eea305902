import { createHash } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TokenResponse } from '../../../src/kernel/protocol.ts';
import { createDeviceFlow } from '../../support/device-flow.ts';
import { type IdentityGateway, type Replica, startIdentityGateway } from '../../support/identity-gateway.ts';

let gateway: IdentityGateway;
let other: Replica;
let flow: ReturnType<typeof createDeviceFlow>;
let tokens: Required<TokenResponse>;
let askedBefore: number;

beforeAll(async () => {
  gateway = await startIdentityGateway();
  flow = createDeviceFlow(gateway);
});
afterAll(() => gateway.close());
beforeEach(async () => {
  tokens = await flow.signIn();
  gateway.clock.advance(50 * 60_000);
  other = await gateway.replica(gateway.clock);
  askedBefore = gateway.idp.requests.length;
});
afterEach(async () => {
  gateway.store.condition = 'up';
  gateway.idp.intercept('/token', undefined);
  await other.close();
});

const here = (token = tokens.refresh_token) => flow.refresh(token);
const there = (token = tokens.refresh_token) => flow.refresh(token, other.url);
const lastRefresh = () => gateway.eventsOf('session.refresh').at(-1);
const shownToProvider = () =>
  gateway.idp.requests.slice(askedBefore).flatMap(({ form }) => form.getAll('refresh_token'));
/** The provider rotates its token, but its answer is of no use. */
const garbleIdTokens = () =>
  gateway.idp.intercept('/token', async (_request, original) => {
    const answer = await original();
    return { ...answer, body: { ...answer.body, id_token: 'garbled' } };
  });
/** Both replicas can renew what came of it: the provider has seen no token twice. */
async function expectToLive(answer: { readonly json: Readonly<Record<string, unknown>> }): Promise<void> {
  gateway.clock.advance(50 * 60_000);
  const next = await there(String(answer.json['refresh_token']));
  expect(next.status).toBe(200);
  gateway.clock.advance(50 * 60_000);
  expect((await here(String(next.json['refresh_token']))).status).toBe(200);
  expect(new Set(shownToProvider()).size).toBe(shownToProvider().length);
}

describe('a refresh token shown again at another replica', () => {
  it('within 30 s gets the same answer, and the provider is not asked', async () => {
    const first = await here();
    gateway.clock.advance(29_999);
    const second = await there();
    expect([first.status, second.text]).toEqual([200, first.text]);
    await expectToLive(second);
  });

  it('after 30 s means that a copy is in use, also where it was answered again', async () => {
    const { access_token: accessToken } = JSON.parse((await here()).text);
    gateway.clock.advance(20_000);
    expect((await there()).status).toBe(200);
    gateway.clock.advance(10_001);
    expect((await there()).status).toBe(401);
    expect(lastRefresh()).toMatchObject({ result: 'denied', reason: 'reuse_detected' });
    expect((await flow.whoAmI(accessToken, other.url)).status).toBe(401);
  });

  it('within 30 s of a sign-out gets nothing', async () => {
    await here();
    await flow.revoke(tokens.refresh_token);
    expect((await there()).status).toBe(401);
  });

  it('is asked to come back when that answer has not been noted, and the provider does not see it', async () => {
    const sid = String(decodeJwt(tokens.access_token)['sid']);
    const nowMs = gateway.clock.now();
    const step = { shownNumber: 0, nextNumber: 1, nowMs, expiresAtMs: nowMs + 1 };
    expect(await gateway.store.sessions.renew(sid, step)).toEqual({ kind: 'renewed' });
    const before = shownToProvider().length;
    const answer = await there();
    expect([answer.status, answer.json['error']]).toEqual([503, 'temporarily_unavailable']);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(String(answer.json['error_description'])).toContain('your session goes on');
    expect(lastRefresh()).toMatchObject({ sid, result: 'unavailable', reason: 'just_replaced' });
    expect(shownToProvider()).toHaveLength(before);
  });

  it('does not wait for a store that is down', async () => {
    gateway.store.condition = 'down';
    expect((await there()).status).toBe(200);
  });
});

describe('a refresh token shown at two replicas at once', () => {
  it('is shown to the provider once, and the session goes on at both', async () => {
    const answered = Promise.withResolvers<void>();
    gateway.idp.intercept('/token', async (_request, original) => {
      const answer = await original();
      await answered.promise;
      return answer;
    });
    const asked = gateway.idp.asked('/token');
    const first = here();
    await asked;
    const second = await there();
    expect([second.status, second.headers.get('retry-after')]).toEqual([503, '1']);
    expect(String(second.json['error_description'])).toContain('your session goes on');
    expect(lastRefresh()).toMatchObject({ result: 'unavailable', reason: 'just_replaced' });
    answered.resolve();
    const { status, text } = await first;
    expect(status).toBe(200);
    gateway.idp.intercept('/token', undefined);
    const again = await there();
    expect([again.status, again.text]).toEqual([200, text]);
    await expectToLive(again);
  });

  it('again and again gets one answer', async () => {
    const answers = await Promise.all([here(), there(), here(), there()]);
    const texts = answers.filter(({ status }) => status === 200).map(({ text }) => text);
    expect(new Set(texts).size).toBe(1);
    expect(answers.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
    const again = await there();
    expect(again.text).toBe(texts[0]);
    await expectToLive(again);
  });

  it.each([
    ['could not be asked', { status: 500, body: {} }, 503, 200],
    ['refused the person', { status: 400, body: { error: 'login_required' } }, 401, 200],
  ])('is free for the other as soon as the provider %s', async (_what, tokenAnswer, failed, next) => {
    gateway.idp.intercept('/token', () => tokenAnswer);
    const released = gateway.store.answered('refreshNotes.release');
    expect((await here()).status).toBe(failed);
    await released;
    gateway.idp.intercept('/token', undefined);
    expect((await there()).status).toBe(next);
  });

  it('is free for the other ten seconds after a process has died over it', async () => {
    const hash = createHash('sha256').update(tokens.refresh_token).digest('base64url');
    const time = { nowMs: gateway.clock.now(), lifeMs: 10_000 };
    expect(await gateway.store.refreshNotes.claim(hash, 'a process that died', time)).toBe(true);
    expect((await there()).status).toBe(503);
    gateway.clock.advance(10_000);
    expect((await there()).status).toBe(200);
  });
});

describe("a provider's new refresh token that came with a failed refresh", () => {
  it('is shown by the other replica when it came late', async () => {
    const gate = Promise.withResolvers<void>();
    gateway.idp.intercept('/token', async (_request, original) => {
      const answer = await original();
      await gate.promise;
      return answer;
    });
    const asked = gateway.idp.asked('/token');
    const first = here();
    await asked;
    gateway.clock.advance(3_500);
    expect((await first).status).toBe(503);
    const noted = gateway.store.answered('refreshNotes.put');
    gate.resolve();
    await noted;
    gateway.idp.intercept('/token', undefined);
    const answer = await there();
    expect(answer.status).toBe(200);
    await expectToLive(answer);
  });

  it('is shown by the other replica when what followed has failed', async () => {
    garbleIdTokens();
    for (const refresh of [here, there, here]) {
      const noted = gateway.store.answered('refreshNotes.put');
      expect((await refresh()).status).toBe(503);
      await noted;
    }
    gateway.idp.intercept('/token', undefined);
    const answer = await there();
    expect(answer.status).toBe(200);
    await expectToLive(answer);
  });

  it('is known to the replica that got it while the store is down', async () => {
    garbleIdTokens();
    const noted = gateway.store.answered('refreshNotes.put');
    expect((await here()).status).toBe(503);
    await noted;
    expect((await here()).status).toBe(503);
    gateway.idp.intercept('/token', undefined);
    gateway.store.condition = 'down';
    const answer = await here();
    expect(answer.status).toBe(200);
    gateway.store.condition = 'up';
    await expectToLive(answer);
  });
});
