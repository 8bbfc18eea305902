import { afterEach, describe, expect, it } from 'vitest';
import type { OpenIdProviderOptions } from '../../../src/gateway/identity/openid-provider.ts';
import { failureOf, startWorld, type World, type WorldOptions } from './openid-world.ts';

let world: World;

async function given(overrides?: Partial<OpenIdProviderOptions>, options?: WorldOptions): Promise<World> {
  world = await startWorld(overrides, options);
  return world;
}

afterEach(() => world.close());

/** Reads `code` and the reason of a refused sign-in. */
const refusedFor = (reason: string) => ({ code: 'sign_in_refused', facts: { reason } });

describe('admission', () => {
  it.each<[string, Partial<OpenIdProviderOptions>, Record<string, unknown>, string]>([
    ['an unverified email', {}, { email_verified: false }, 'email_not_verified'],
    ['an email unverified as text', {}, { email_verified: 'false' }, 'email_not_verified'],
    ['another email domain', { allowedEmailDomains: ['corp.example.test'] }, {}, 'email_domain_not_allowed'],
    [
      'no email where domains count',
      { allowedEmailDomains: ['example.test'] },
      { email: undefined },
      'email_missing',
    ],
    ['none of the groups', { allowedGroups: ['ops', 'Eng'] }, {}, 'groups_not_allowed'],
    ['groups by reference', {}, { groups: undefined, _claim_names: { groups: 'src1' } }, 'groups_overage'],
    ['groups by marker', {}, { groups: undefined, hasgroups: true }, 'groups_overage'],
  ])('refuses %s', async (_what, overrides, claims, reason) => {
    const { forgeIdToken, signIn } = await given(overrides);
    forgeIdToken((genuine) => ({ ...genuine, ...claims }));
    expect(await failureOf(signIn())).toMatchObject(refusedFor(reason));
  });

  it('says what the log of a missing email has to say, and what fixes an overage', async () => {
    const { forgeIdToken, signIn } = await given({ allowedEmailDomains: ['example.test'] });
    forgeIdToken(({ email: _, ...claims }) => claims);
    expect(await failureOf(signIn())).toMatchObject({ detail: 'id_token missing email claim' });
    forgeIdToken(({ groups: _, ...claims }) => ({ ...claims, hasgroups: true }));
    expect(await failureOf(signIn())).toMatchObject({ detail: expect.stringContaining('oidc.groups_claim') });
  });

  it('lets somebody without an email in when domains do not count', async () => {
    const { forgeIdToken, signIn } = await given();
    forgeIdToken(({ email: _, groups: __, ...claims }) => claims);
    expect((await signIn()).claims).toMatchObject({ email: undefined, groups: [] });
  });

  it('ends a sign-in whose groups cannot be read without calling them none', async () => {
    const { forgeIdToken, signIn } = await given();
    forgeIdToken((claims) => ({ ...claims, groups: [{ id: 1 }] }));
    expect(await failureOf(signIn())).toMatchObject({ code: 'idp_answer' });
  });
});

describe('userinfo', () => {
  const asked = () => world.idp.requests.filter(({ path }) => path === '/me').length;

  it('is not asked when the id_token has everything', async () => {
    const { signIn } = await given({ userinfoFallback: true });
    await signIn();
    expect(asked()).toBe(0);
  });

  it('is not asked when the fallback is off', async () => {
    const { signIn, forgeIdToken } = await given();
    forgeIdToken(({ groups: _, ...claims }) => claims);
    expect((await signIn()).claims.groups).toEqual([]);
    expect(asked()).toBe(0);
  });

  it('fills what is absent and replaces nothing', async () => {
    const { signIn, forgeIdToken, log } = await given({ userinfoFallback: true });
    forgeIdToken(({ groups: _, ...claims }) => ({ ...claims, email: 'other@example.test' }));
    expect((await signIn()).claims).toMatchObject({ email: 'other@example.test', groups: ['eng'] });
    expect(asked()).toBe(1);
    expect(log.at('debug')).toContainEqual(
      'debug claim names in userinfo: email, email_verified, groups, name, sub',
    );
  });

  it('of another subject ends the sign-in', async () => {
    const { signIn, forgeIdToken, idp } = await given({ userinfoFallback: true });
    forgeIdToken(({ groups: _, ...claims }) => claims);
    idp.intercept('/me', async () => ({ status: 200, body: { sub: 'somebody-else', groups: ['admins'] } }));
    expect(await failureOf(signIn())).toMatchObject({ code: 'idp_answer' });
  });

  it('that refuses its own token ends the sign-in with an operator error', async () => {
    const { signIn, forgeIdToken, idp } = await given({ userinfoFallback: true });
    forgeIdToken(({ email: _, ...claims }) => claims);
    idp.intercept('/me', async () => ({
      status: 401,
      body: {},
      headers: { 'www-authenticate': 'Bearer realm="x", error="invalid_token"' },
    }));
    expect(await failureOf(signIn())).toMatchObject({
      code: 'idp_answer',
      detail: 'invalid_token (HTTP 401) (at userinfo)',
    });
  });
});
