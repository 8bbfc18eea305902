import { AnthropicFoundry } from '@anthropic-ai/foundry-sdk';
import Anthropic from '@anthropic-ai/sdk';
import { AnthropicVertex } from '@anthropic-ai/vertex-sdk';
import { PassThroughClient } from 'google-auth-library';
import { expect, it, onTestFinished } from 'vitest';
import type { Provider } from '../../../../src/gateway/upstream/provider.ts';
import { createFoundry } from '../../../../src/gateway/upstream/providers/foundry/foundry.ts';
import { createVertex } from '../../../../src/gateway/upstream/providers/vertex/vertex.ts';
import { systemClock } from '../../../../src/kernel/clock.ts';
import { startInferenceGateway } from '../../../support/inference-gateway.ts';
import { createMemoryLog } from '../../../support/memory-log.ts';
import { outgoingRequest } from '../../../support/outgoing-request.ts';
import { FOUNDRY, startFoundry } from '../../../support/stand-ins/foundry.ts';
import type { AskedOf, ScriptedAnswer } from '../../../support/stand-ins/stand-in.ts';
import { startVertex, VERTEX } from '../../../support/stand-ins/vertex.ts';

type Client = {
  readonly beta: { readonly messages: Pick<Anthropic['beta']['messages'], 'create' | 'countTokens'> };
};

interface Upstream {
  readonly origin: string;
  readonly requests: readonly AskedOf[];
  answer(next: ScriptedAnswer): void;
  close(): Promise<void>;
}

const parts = { name: 'cloud', clock: systemClock, log: createMemoryLog(), fetch };
const CALLS = ['whole', 'streamed', 'counted'] as const;

/** What the upstream gets from its public client, and from the gateway when the Anthropic API's client asks that. */
async function askBoth(
  upstream: Upstream,
  model: string,
  publicClient: Client,
  provider: Provider,
  call: (typeof CALLS)[number],
): Promise<readonly [AskedOf, AskedOf]> {
  const gateway = await startInferenceGateway([{ name: 'cloud', url: upstream.origin, provider }]);
  onTestFinished(async () => {
    await gateway.close();
    await upstream.close();
  });
  const plainClient = new Anthropic({ apiKey: 'developer', baseURL: gateway.url, maxRetries: 0 });
  const asked = {
    model,
    betas: ['context-1m-2025-08-07', 'interleaved-thinking-2025-05-14'],
    messages: [{ role: 'user' as const, content: 'na\u00efve \u{1f600}' }],
  };
  for (const { beta } of [publicClient, plainClient]) {
    if (call === 'counted') {
      expect(await beta.messages.countTokens(asked)).toEqual({ input_tokens: 7 });
    } else if (call === 'whole') {
      const { content } = await beta.messages.create({ ...asked, max_tokens: 10 });
      expect(content).toEqual([{ type: 'text', text: 'hello' }]);
    } else {
      upstream.answer({ kind: 'stream', events: [{ type: 'message_stop' }] });
      const types: string[] = [];
      for await (const { type } of await beta.messages.create({ ...asked, max_tokens: 10, stream: true }))
        types.push(type);
      expect(types).toEqual(['message_stop']);
    }
  }
  const [theirs, ours] = upstream.requests;
  if (!theirs || !ours) throw new Error('not both have asked');
  return [theirs, ours];
}

/** What counts: the rest tells of the client and of the moment. */
function essence({ url, headers, body, betas }: AskedOf) {
  const { anthropic_version: dialect, ...members } = JSON.parse(body.toString());
  const { authorization, 'x-api-key': key, 'anthropic-version': version, 'content-type': type } = headers;
  return { url, members, hasDialect: typeof dialect === 'string', betas, authorization, key, version, type };
}

it.each(CALLS)('a request to Vertex is what its public client would have sent: %s', async (call) => {
  const upstream = await startVertex();
  const provider = createVertex(upstream.options, parts);
  const { headers } = await provider.prepare(outgoingRequest());
  const token = headers[headers.indexOf('authorization') + 1];
  const client = new AnthropicVertex({
    region: VERTEX.region,
    projectId: VERTEX.projectId,
    baseURL: `${upstream.origin}/v1`,
    // Its own version of the library differs in private members, which types compare.
    authClient: new PassThroughClient() as never,
    defaultHeaders: { authorization: token ?? '' },
    maxRetries: 0,
  });
  const [theirs, ours] = await askBoth(upstream, VERTEX.model, client, provider, call);
  expect(essence(ours)).toEqual(essence(theirs));
});

it.each(CALLS)('a request to Foundry is what its public client would have sent: %s', async (call) => {
  const upstream = await startFoundry('api_key');
  const baseURL = `${upstream.origin}/anthropic`;
  const client = new AnthropicFoundry({ apiKey: FOUNDRY.apiKey, baseURL, maxRetries: 0 });
  const [theirs, ours] = await askBoth(
    upstream,
    FOUNDRY.model,
    client,
    createFoundry(upstream.options, parts),
    call,
  );
  expect(essence(ours)).toEqual(essence(theirs));
  expect(ours.body.toString()).toBe(theirs.body.toString());
});

it('a request to Foundry is what its public client would have sent, with a token of Entra ID', async () => {
  const upstream = await startFoundry('client_secret');
  const provider = createFoundry(upstream.options, parts);
  const { headers } = await provider.prepare(outgoingRequest());
  const token = headers[headers.indexOf('authorization') + 1]?.replace('Bearer ', '') ?? '';
  const client = new AnthropicFoundry({
    azureADTokenProvider: async () => token,
    baseURL: `${upstream.origin}/anthropic`,
    maxRetries: 0,
  });
  const [theirs, ours] = await askBoth(upstream, FOUNDRY.model, client, provider, 'whole');
  expect(essence(ours)).toEqual(essence(theirs));
});
