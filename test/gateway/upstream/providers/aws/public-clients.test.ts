import { AnthropicAws } from '@anthropic-ai/aws-sdk';
import { AnthropicBedrockMantle } from '@anthropic-ai/bedrock-sdk/mantle-client';
import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAnthropicAws } from '../../../../../src/gateway/upstream/providers/anthropic-aws.ts';
import { createMantle } from '../../../../../src/gateway/upstream/providers/mantle.ts';
import { systemClock } from '../../../../../src/kernel/clock.ts';
import { secret } from '../../../../../src/kernel/secret.ts';
import { startInferenceGateway } from '../../../../support/inference-gateway.ts';
import { createMemoryLog } from '../../../../support/memory-log.ts';
import { ANTHROPIC_AWS, startAnthropicAws } from '../../../../support/stand-ins/anthropic-aws.ts';
import { createAwsAccount, type IssuedKeys } from '../../../../support/stand-ins/aws-account.ts';
import type { AwsMessagesServer } from '../../../../support/stand-ins/aws-messages.ts';
import { MANTLE, startMantle } from '../../../../support/stand-ins/mantle.ts';
import type { AskedOf } from '../../../../support/stand-ins/stand-in.ts';

interface Client {
  readonly beta: Pick<Anthropic['beta'], 'messages'>;
}

const parts = { name: 'aws', clock: systemClock, log: createMemoryLog(), fetch };

function keyOptions(keys: IssuedKeys) {
  return {
    kind: 'keys',
    accessKeyId: keys.accessKeyId,
    secretAccessKey: secret(keys.secretAccessKey),
    sessionToken: secret(keys.sessionToken),
  } as const;
}

function clientKeys(keys: IssuedKeys) {
  return {
    apiKey: null,
    awsAccessKey: keys.accessKeyId,
    awsSecretAccessKey: keys.secretAccessKey,
    awsSessionToken: keys.sessionToken,
    maxRetries: 0,
  };
}

/** What the upstream gets from its public client, and from the gateway when the Anthropic API's client asks that. */
async function askBoth(
  upstream: AwsMessagesServer,
  model: string,
  publicClient: Client,
  descriptor: ReturnType<typeof createMantle>,
): Promise<readonly [AskedOf, AskedOf]> {
  const gateway = await startInferenceGateway([{ name: 'aws', url: upstream.origin, descriptor }]);
  onTestFinished(async () => {
    await gateway.close();
    await upstream.close();
  });
  const plainClient = new Anthropic({ apiKey: 'developer', baseURL: gateway.url, maxRetries: 0 });
  for (const client of [publicClient, plainClient]) {
    const message = await client.beta.messages.create({
      model,
      max_tokens: 10,
      betas: ['context-1m-2025-08-07'],
      messages: [{ role: 'user', content: 'na\u00efve \u{1f600}' }],
    });
    expect(message.content).toEqual([{ type: 'text', text: 'hello' }]);
  }
  const [theirs, ours] = upstream.requests;
  if (!theirs || !ours) throw new Error('not both have asked');
  return [theirs, ours];
}

/** What counts: the rest tells of the client and of the moment. */
function essence({ url, headers, body, betas }: AskedOf) {
  const [scope] = /Credential=[^,]+/.exec(headers.authorization?.toString() ?? '') ?? [];
  const { 'anthropic-version': version, 'anthropic-workspace-id': workspace } = headers;
  const token = headers['x-amz-security-token'];
  // An API key is taken either way.
  const key = headers['x-api-key'] ?? (scope === undefined ? headers.authorization : undefined);
  const shown = String(key).replace('Bearer ', '');
  return { url, body: body.toString(), betas, version, workspace, scope, token, shown };
}

describe('a request to Claude Platform on AWS', () => {
  it('is what its public client would have sent, signed', async () => {
    const account = createAwsAccount();
    const keys = account.issue();
    const upstream = await startAnthropicAws(account);
    const { region, workspaceId, model } = ANTHROPIC_AWS;
    const place = { region, workspaceId, baseUrl: upstream.origin, headers: {} };
    const client = new AnthropicAws({
      ...clientKeys(keys),
      awsRegion: region,
      workspaceId,
      baseURL: upstream.origin,
    });
    const provider = createAnthropicAws({ ...place, credential: keyOptions(keys) }, parts);
    const [theirs, ours] = await askBoth(upstream, model, client, provider);
    expect(essence(theirs)).toMatchObject({ workspace: workspaceId, token: keys.sessionToken });
    expect(essence(ours)).toEqual(essence(theirs));
  });

  it('is what its public client would have sent, with an API key', async () => {
    const upstream = await startAnthropicAws(createAwsAccount());
    const { region, workspaceId, model, apiKey } = ANTHROPIC_AWS;
    const client = new AnthropicAws({
      apiKey,
      awsRegion: region,
      workspaceId,
      baseURL: upstream.origin,
      maxRetries: 0,
    });
    const credential = { kind: 'api_key', apiKey: secret(apiKey) } as const;
    const place = { region, workspaceId, baseUrl: upstream.origin, headers: {} };
    const [theirs, ours] = await askBoth(
      upstream,
      model,
      client,
      createAnthropicAws({ ...place, credential }, parts),
    );
    expect(essence(theirs)).toMatchObject({ shown: apiKey });
    expect(essence(ours)).toEqual(essence(theirs));
  });
});

describe("a request to Bedrock's Messages endpoint", () => {
  it('is what its public client would have sent, signed', async () => {
    const account = createAwsAccount();
    const keys = account.issue();
    const upstream = await startMantle(account);
    const client = new AnthropicBedrockMantle({
      ...clientKeys(keys),
      awsRegion: MANTLE.region,
      baseURL: `${upstream.origin}/anthropic`,
    });
    const place = { region: MANTLE.region, baseUrl: `${upstream.origin}/anthropic`, headers: {} };
    const provider = createMantle({ ...place, credential: keyOptions(keys) }, parts);
    const [theirs, ours] = await askBoth(upstream, MANTLE.model, client, provider);
    expect(essence(theirs)).toMatchObject({ token: keys.sessionToken });
    expect(essence(ours)).toEqual(essence(theirs));
  });

  it('is what its public client would have sent, with a bearer token', async () => {
    const upstream = await startMantle(createAwsAccount());
    const client = new AnthropicBedrockMantle({
      apiKey: MANTLE.token,
      awsRegion: MANTLE.region,
      baseURL: `${upstream.origin}/anthropic`,
      maxRetries: 0,
    });
    const credential = { kind: 'bearer', token: secret(MANTLE.token) } as const;
    const place = { region: MANTLE.region, baseUrl: upstream.origin, headers: {} };
    const [theirs, ours] = await askBoth(
      upstream,
      MANTLE.model,
      client,
      createMantle({ ...place, credential }, parts),
    );
    expect(essence(theirs)).toMatchObject({ shown: MANTLE.token });
    expect(essence(ours)).toEqual(essence(theirs));
  });
});
