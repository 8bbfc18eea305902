import { expect, it } from 'vitest';
import { post } from '../support/inference-gateway.ts';
import { MODEL, type ProviderUnderTest } from './every-provider.ts';

const CACHED = [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral', scope: 'global' } }];
const ASKED = {
  model: MODEL,
  max_tokens: 100,
  system: CACHED,
  messages: [{ role: 'user', content: CACHED }],
  metadata: { user_id: 'u' },
};
const BETA = 'token-efficient-tools-2025-02-19';

/** What a provider refuses and a request can be spared is left out, in this provider's dress as in any other. */
export function refusalsContract(under: ProviderUnderTest): void {
  it.each([
    ['metadata: Extra inputs are not permitted', /"metadata"/, /"scope"/],
    ['system.0.cache_control.ephemeral.scope: Extra inputs are not permitted', /"scope"/, /"metadata"/],
  ])('is left out after "%s", and nothing else', async (message, refused, kept) => {
    const gateway = await under.learning();
    under.standIn.answer({ kind: 'invalid', message });
    const before = under.standIn.requests.length;
    expect((await post(gateway, ASKED)).status).toBe(200);
    expect((await post(gateway, ASKED)).status).toBe(200);
    const bodies = under.standIn.requests.slice(before).map(({ body }) => body.toString());
    expect(bodies.map((body) => refused.test(body))).toEqual([true, false, false]);
    expect(bodies.map((body) => kept.test(body))).toEqual([true, true, true]);
  });

  it('is a beta where one was refused', async () => {
    if (!under.traits.takesBetas) return;
    const gateway = await under.learning();
    under.standIn.answer({ kind: 'invalid', message: `invalid beta flag: ${BETA}` });
    const before = under.standIn.requests.length;
    const headers = { 'anthropic-beta': `${BETA},context-1m-2025-08-07` };
    expect((await post(gateway, ASKED, { headers })).status).toBe(200);
    const betas = under.standIn.requests.slice(before).map((asked) => asked.betas);
    expect(betas).toEqual([[BETA, 'context-1m-2025-08-07'], ['context-1m-2025-08-07']]);
  });
}
