import { describe, expect, it } from 'vitest';
import { createOutbound, type Outbound } from '../../../src/gateway/outbound/outbound.ts';
import { ADA, createTestLog, failureOf, startWorld } from './openid-world.ts';

async function withOutbound(
  allowLoopback: boolean,
  work: (outbound: Outbound) => Promise<void>,
): Promise<void> {
  const proxies = { httpsProxy: undefined, httpProxy: undefined, noProxy: undefined };
  const options = { allowLoopback, allowedOrigins: [], proxies, proxyIsEgressBoundary: false };
  const outbound = createOutbound(options, { log: createTestLog() });
  try {
    await work(outbound);
  } finally {
    await outbound.close();
  }
}

describe('through the outbound guard', () => {
  it('a person signs in, by id_token and userinfo, and the session is renewed', async () => {
    await withOutbound(true, async (outbound) => {
      const world = await startWorld(
        { userinfoFallback: true },
        { fetch: outbound.fetch({ useProxy: false }) },
      );
      try {
        world.forgeIdToken(({ groups: _, ...claims }) => claims);
        const { claims, refreshToken = '' } = await world.signIn();
        expect(claims).toMatchObject({ sub: ADA, groups: ['eng'] });
        expect((await world.provider.refresh({ refreshToken, claims })).claims).toEqual(claims);
      } finally {
        await world.close();
      }
    });
  });

  it('a loopback issuer is not reached unless it is allowed', async () => {
    await withOutbound(false, async (outbound) => {
      const work = startWorld({}, { fetch: outbound.fetch({ useProxy: false }) });
      expect(await failureOf(work)).toMatchObject({
        code: 'idp_unreachable',
        detail: expect.stringMatching(/^oidc\.issuer .*ECONNREFUSED_SSRF.*loopback/),
      });
    });
  });
});
