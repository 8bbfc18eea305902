import { afterEach, describe, expect, it } from 'vitest';
import type { OpenIdProviderOptions } from '../../../src/gateway/identity/openid-provider.ts';
import type { Identity } from '../../../src/gateway/identity/provider.ts';
import { ADA, failureOf, startWorld, type World } from './openid-world.ts';

let world: World;
let signedIn: Identity;

/** A signed-in developer whose session is about to be renewed. */
async function given(overrides?: Partial<OpenIdProviderOptions>): Promise<World> {
  world = await startWorld(overrides);
  signedIn = await world.signIn();
  return world;
}

const renew = () =>
  world.provider.refresh({ refreshToken: signedIn.refreshToken ?? '', claims: signedIn.claims });
const shownTokens = () =>
  world.idp.requests.map(({ form }) => form.get('refresh_token')).filter((token) => token !== null);

/** The provider rotates the token at once, and its answer stays under way until `release` is called. */
function holdAnswers(): { readonly release: () => void; readonly sent: Promise<void> } {
  const gate = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<void>();
  world.idp.intercept('/token', async (_request, original, closed) => {
    const answer = await original();
    await gate.promise;
    closed.then(sent.resolve);
    return answer;
  });
  return { release: gate.resolve, sent: sent.promise };
}

afterEach(() => world.close());

describe('a slow provider', () => {
  it('is not waited for longer than 3.5 seconds, in the words that operators know', async () => {
    const { idp, clock } = await given();
    const budgets: number[] = [];
    const asked = idp.asked('/token');
    // Time is up at the moment the provider has been asked.
    clock.sleep = async (ms, signal) => {
      budgets.push(ms);
      await asked;
      if (ms > 3_500) await new Promise((resolve) => signal?.addEventListener('abort', resolve));
    };
    idp.intercept('/token', () => undefined);
    expect(await failureOf(renew())).toMatchObject({
      code: 'idp_unreachable',
      detail: 'timed out after 3500ms',
    });
    expect(budgets).toEqual([3_500, 30_000]);
  });

  it('that has rotated its token is shown the new one at the next refresh', async () => {
    await given({ budgets: { refreshMs: 1_000 } });
    const { release, sent } = holdAnswers();
    expect(await failureOf(renew())).toMatchObject({ detail: 'timed out after 1000ms' });
    release();
    await sent;
    world.idp.intercept('/token', undefined);
    const renewed = await renew();
    const { claims } = await world.provider.refresh({ ...renewed, refreshToken: renewed.refreshToken ?? '' });
    expect(claims.sub).toBe(ADA);
    expect(new Set(shownTokens()).size).toBe(shownTokens().length);
  });

  it('is asked once by all who come while its answer is under way', async () => {
    await given({ budgets: { refreshMs: 1_000 } });
    const { release } = holdAnswers();
    await failureOf(renew());
    await failureOf(renew());
    const last = renew();
    release();
    expect((await last).claims.sub).toBe(ADA);
    expect(shownTokens()).toEqual([signedIn.refreshToken]);
  });

  it('whose late answer is a refusal refuses at the next refresh', async () => {
    await given({ budgets: { refreshMs: 1_000 } });
    world.idp.practice.setDisabled(ADA, true);
    const { release, sent } = holdAnswers();
    expect(await failureOf(renew())).toMatchObject({ code: 'idp_unreachable' });
    release();
    await sent;
    expect(await failureOf(renew())).toMatchObject({ code: 'sign_in_refused' });
  });

  it('is left alone after 30 seconds', async () => {
    const { idp, clock } = await given({ budgets: { refreshMs: 1_000 } });
    const asked = idp.asked('/token');
    const { sleep } = clock;
    const limit = Promise.withResolvers<void>();
    clock.sleep = (ms, signal) => (ms === 30_000 ? limit.promise : sleep(ms, signal));
    const hungUp = Promise.withResolvers<void>();
    idp.intercept('/token', (_request, _original, closed) => void closed.then(hungUp.resolve));
    await failureOf(renew());
    await asked;
    limit.resolve();
    await hungUp.promise;
    clock.sleep = sleep;
    idp.intercept('/token', undefined);
    expect((await renew()).claims.sub).toBe(ADA);
  });

  it('is left alone when the gateway ends', async () => {
    const { idp, provider } = await given({ budgets: { refreshMs: 1_000 } });
    const hungUp = Promise.withResolvers<void>();
    idp.intercept('/token', (_request, _original, closed) => void closed.then(hungUp.resolve));
    await failureOf(renew());
    provider.close();
    await hungUp.promise;
    expect(await failureOf(renew())).toMatchObject({ code: 'idp_unreachable' });
  });

  it.each(['/jwks', '/me'])('at %s counts against the same budget', async (endpoint) => {
    const { idp, forgeIdToken, clock } = await given({
      userinfoFallback: true,
      budgets: { refreshMs: 1_000 },
    });
    clock.advance(11 * 60_000);
    forgeIdToken(({ email: _, ...claims }) => ({ ...claims, exp: Math.floor(clock.now() / 1000) + 60 }));
    idp.intercept(endpoint, () => undefined);
    expect(await failureOf(renew())).toMatchObject({
      code: 'idp_unreachable',
      detail: 'timed out after 1000ms',
    });
  });

  it('that is down is unreachable', async () => {
    const { idp } = await given();
    await idp.close();
    expect(await failureOf(renew())).toMatchObject({ code: 'idp_unreachable' });
    await given();
  });
});
