import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Deployment, startDeployment } from '../support/deployment.ts';
import { createDeviceFlow } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { transcript } from '../support/gateway-process.ts';
import { ANTHROPIC, startAnthropic } from '../support/stand-ins/anthropic.ts';
import { ANTHROPIC_AWS, startAnthropicAws } from '../support/stand-ins/anthropic-aws.ts';
import { createAwsAccount } from '../support/stand-ins/aws-account.ts';
import { BEDROCK, startBedrock, startSts } from '../support/stand-ins/bedrock.ts';
import { FOUNDRY, startFoundry } from '../support/stand-ins/foundry.ts';
import { MANTLE, startMantle } from '../support/stand-ins/mantle.ts';
import { startVertex, VERTEX } from '../support/stand-ins/vertex.ts';

const ROLE = 'arn:aws:iam::123456789012:role/claude-developers';

let folder: string;
let clouds: Awaited<ReturnType<typeof startClouds>>;
let deployment: Deployment;
let client: Anthropic;

async function startClouds() {
  const account = createAwsAccount();
  const keys = account.issue();
  const sts = await startSts(account);
  return {
    keys,
    sts,
    anthropic: await startAnthropic(),
    bedrock: await startBedrock(account, sts.sessionOf),
    mantle: await startMantle(account),
    anthropicAws: await startAnthropicAws(account),
    vertex: await startVertex(),
    foundry: await startFoundry('api_key'),
  };
}

/** As an operator writes them. */
function upstreamsOf({ keys, anthropic, bedrock, mantle, anthropicAws, vertex, foundry }: typeof clouds) {
  return [
    { provider: 'anthropic', base_url: anthropic.origin, auth: { api_key: ANTHROPIC.apiKey } },
    {
      provider: 'bedrock',
      region: BEDROCK.region,
      base_url: bedrock.origin,
      auth: {
        aws_access_key_id: keys.accessKeyId,
        aws_secret_access_key: keys.secretAccessKey,
        aws_session_token: keys.sessionToken,
      },
      assume_role: { role_arn: ROLE, external_id: 'sallyport', session_name: 'email' },
      headers: { 'x-team': 'platform' },
    },
    {
      provider: 'mantle',
      region: MANTLE.region,
      base_url: `${mantle.origin}/anthropic`,
      auth: { aws_bearer_token: MANTLE.token },
      models: ['on-mantle'],
    },
    {
      provider: 'anthropicAws',
      region: ANTHROPIC_AWS.region,
      base_url: anthropicAws.origin,
      workspace_id: ANTHROPIC_AWS.workspaceId,
      auth: { api_key: ANTHROPIC_AWS.apiKey },
    },
    {
      provider: 'vertex',
      region: VERTEX.region,
      project_id: VERTEX.projectId,
      base_url: vertex.origin,
      auth: { service_account_json: vertex.identity.keyFile },
    },
    {
      provider: 'foundry',
      base_url: `${foundry.origin}/anthropic`,
      auth: { api_key: FOUNDRY.apiKey },
    },
  ];
}

const idAt = {
  anthropic: ANTHROPIC.model,
  bedrock: 'us.anthropic.claude-sonnet-5',
  mantle: MANTLE.model,
  anthropicAws: ANTHROPIC_AWS.model,
  vertex: VERTEX.model,
  foundry: FOUNDRY.model,
} as const;

type Cloud = keyof typeof idAt;
const names = Object.keys(idAt) as Cloud[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-upstreams-'));
  clouds = await startClouds();
  deployment = await startDeployment({
    store: { embedded: await newEmbeddedFolder(join(folder, 'store')) },
    config: {
      upstreams: upstreamsOf(clouds),
      models: names.map((name) => ({ id: `on-${name}`, upstream_model: { [name]: idAt[name] } })),
    },
    env: { AWS_ENDPOINT_URL_STS: clouds.sts.origin },
  });
  const [{ url }] = deployment.gateways;
  const { access_token: authToken } = await createDeviceFlow({ url }).signIn();
  client = new Anthropic({ baseURL: url, authToken, apiKey: null, maxRetries: 0 });
});

afterAll(async () => {
  await deployment.close();
  const { keys: _, ...servers } = clouds;
  await Promise.all(Object.values(servers).map((server) => server.close()));
  rmSync(folder, { recursive: true, force: true });
});

const USAGE = {
  input_tokens: 1234,
  output_tokens: 1,
  cache_read_input_tokens: 7,
  cache_creation_input_tokens: 8,
};
const METERED = { input_tokens: 1234, cache_read_tokens: 7, cache_write_tokens: 8 };
const MESSAGE = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-stand-in',
  content: [{ type: 'text', text: 'A citrus.' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { ...USAGE, output_tokens: 56 },
};

/** The audit event of the first answer by this upstream that was streamed, or was not. */
function inferenceOf(name: Cloud, isStreamed: boolean) {
  const [gateway] = deployment.gateways;
  return gateway.event('inference', ({ model, stream }) => model === `on-${name}` && stream === isStreamed);
}

const asking = (name: Cloud) => ({
  model: `on-${name}`,
  max_tokens: 64,
  messages: [{ role: 'user' as const, content: 'a kumquat' }],
});

describe('a gateway with every provider in its gateway.yaml', () => {
  it('says at boot which it has', async () => {
    const [gateway] = deployment.gateways;
    const line = await gateway.line(/upstreams: /);
    expect(line).toContain(names.map((name) => `${name} (${name})`).join(', then '));
  });

  it.each(names)('gets an answer of %s, whole and streamed, and meters both', async (name) => {
    clouds[name].answer({ kind: 'message', message: MESSAGE });
    const whole = await client.messages.create(asking(name));
    expect(whole).toMatchObject(MESSAGE);
    const sent = clouds[name].requests.at(-1);
    expect(sent).toMatchObject({ model: idAt[name], isStreamed: false });
    expect(sent?.headers['authorization'] ?? '').not.toContain(String(client.authToken));

    clouds[name].answer({
      kind: 'stream',
      events: [
        { type: 'message_start', message: { ...MESSAGE, content: [], stop_reason: null, usage: USAGE } },
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
        { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'A citrus.' } },
        { type: 'content_block_stop', index: 0 },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 98 } },
        { type: 'message_stop' },
      ],
    });
    const stream = client.messages.stream(asking(name));
    expect(await stream.finalText()).toBe('A citrus.');
    expect(clouds[name].requests.at(-1)).toMatchObject({ model: idAt[name], isStreamed: true });

    const counted = {
      upstream: name,
      upstream_model: idAt[name],
      attempts: 1,
      status: 200,
      outcome: 'complete',
    };
    expect(await inferenceOf(name, false)).toMatchObject({ ...counted, ...METERED, output_tokens: 56 });
    expect(await inferenceOf(name, true)).toMatchObject({ ...counted, ...METERED, output_tokens: 98 });
  });

  it('makes Bedrock’s requests in the role, in a session of the developer’s', async () => {
    await client.messages.create(asking('bedrock'));
    expect(clouds.sts.calls).toMatchObject([
      { roleArn: ROLE, session: 'ada@example.test', externalId: 'sallyport' },
    ]);
    const sent = clouds.bedrock.requests.at(-1);
    expect(sent?.session).toBe('ada@example.test');
    expect(sent?.headers['x-team']).toBe('platform');
  });

  it('prints no credential of any of them', () => {
    const printed = transcript.join('\n');
    expect(printed).toContain('upstreams:');
    const { keys } = clouds;
    for (const text of [
      keys.secretAccessKey,
      keys.sessionToken,
      MANTLE.token,
      ANTHROPIC.apiKey,
      ANTHROPIC_AWS.apiKey,
      FOUNDRY.apiKey,
    ])
      expect(printed).not.toContain(text);
  });
});
