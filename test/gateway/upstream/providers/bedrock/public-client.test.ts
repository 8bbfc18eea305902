import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk';
import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, it } from 'vitest';
import { secret } from '../../../../../src/kernel/secret.ts';
import { BEDROCK } from '../../../../support/stand-ins/bedrock.ts';
import type { AskedOf } from '../../../../support/stand-ins/stand-in.ts';
import { standUp, type WorldOptions } from './bedrock-world.ts';

const ASKED = {
  max_tokens: 10,
  betas: ['context-1m-2025-08-07', 'interleaved-thinking-2025-05-14'],
  messages: [{ role: 'user' as const, content: 'naïve 😀 "quoted"\n' }],
};
/** The client sends the version of the Messages API that it speaks; Bedrock's own is what the gateway sends. */
const DIALECT = { 'anthropic-version': 'bedrock-2023-05-31' };

type PublicKeys = ConstructorParameters<typeof AnthropicBedrock>[0];

/** What Bedrock gets from its public client, and from the gateway when the Anthropic API's client asks that. */
async function askBoth(model: string, keysOf: (world: World) => PublicKeys, options: WorldOptions = {}) {
  const world = await standUp({ model, ...options });
  const theirs = new AnthropicBedrock({
    ...keysOf(world),
    awsRegion: BEDROCK.region,
    baseURL: world.upstream.origin,
    defaultHeaders: DIALECT,
    maxRetries: 0,
  });
  const ours = new Anthropic({ apiKey: 'developer', baseURL: world.gateway.url, maxRetries: 0 });
  const answers: unknown[] = [];
  for (const [client, name] of [
    [theirs, model],
    [ours, 'claude-sonnet-5'],
  ] as const) {
    const whole = await client.beta.messages.create({ ...ASKED, model: name });
    const stream = await client.beta.messages.create({ ...ASKED, model: name, stream: true });
    const events: unknown[] = [];
    for await (const event of stream) events.push(withoutFigures(event));
    answers.push({ content: whole.content, events });
  }
  return { asked: world.upstream.requests, answers };
}

/** The client leaves Bedrock's own figures in the last event. */
function withoutFigures(event: object): object {
  return Object.fromEntries(Object.entries(event).filter(([name]) => !name.startsWith('amazon-bedrock-')));
}

type World = Awaited<ReturnType<typeof standUp>>;

/** What counts: the rest tells of the client and of the moment. */
function essence({ url, headers, body, betas }: AskedOf) {
  const authorization = String(headers['authorization']);
  const [shown = authorization] = /Credential=[^,]+/.exec(authorization) ?? [];
  return {
    url,
    shown,
    token: headers['x-amz-security-token'],
    beta: headers['anthropic-beta'] === undefined ? undefined : betas.join(),
    contentType: headers['content-type'],
    body: JSON.parse(body.toString()),
  };
}

function signingKeys({ keys }: World): PublicKeys {
  return {
    apiKey: null,
    awsAccessKey: keys.accessKeyId,
    awsSecretKey: keys.secretAccessKey,
    awsSessionToken: keys.sessionToken,
  } as PublicKeys;
}

describe('what Bedrock is sent', () => {
  it.each([BEDROCK.model, 'arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc123'])(
    'for %s is what its public client would have sent, signed',
    async (model) => {
      const { asked, answers } = await askBoth(model, signingKeys);
      const [theirWhole, theirStream, ourWhole, ourStream] = asked.map(essence);
      expect(theirWhole?.shown).toMatch(/^Credential=/);
      // The client leaves a header that Bedrock does not read.
      expect(ourWhole).toEqual({ ...theirWhole, beta: undefined });
      expect(ourStream).toEqual({ ...theirStream, beta: undefined });
      expect(answers[1]).toEqual(answers[0]);
    },
  );

  it('is what its public client would have sent, with a bearer token', async () => {
    const { asked, answers } = await askBoth(BEDROCK.model, () => ({ apiKey: BEDROCK.token }) as PublicKeys, {
      bedrock: { credential: { kind: 'bearer', token: secret(BEDROCK.token) } },
    });
    const [theirWhole, , ourWhole] = asked.map(essence);
    expect(theirWhole?.shown).toBe(`Bearer ${BEDROCK.token}`);
    expect(ourWhole).toEqual({ ...theirWhole, beta: undefined });
    expect(answers[1]).toEqual(answers[0]);
  });
});
