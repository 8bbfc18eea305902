import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type AnthropicAwsOptions,
  createAnthropicAws,
} from '../../../../src/gateway/upstream/providers/anthropic-aws.ts';
import { systemClock } from '../../../../src/kernel/clock.ts';
import { secret } from '../../../../src/kernel/secret.ts';
import {
  errorOf,
  type PostOptions,
  post,
  startInferenceGateway,
  type TestUpstream,
} from '../../../support/inference-gateway.ts';
import { createMemoryLog } from '../../../support/memory-log.ts';
import { ANTHROPIC_AWS, startAnthropicAws } from '../../../support/stand-ins/anthropic-aws.ts';
import { createAwsAccount } from '../../../support/stand-ins/aws-account.ts';
import { PRIVATE_WORD } from '../../../support/stand-ins/stand-in.ts';
import { startUpstream } from '../../../support/upstream.ts';

const REQUEST = { model: 'claude-sonnet-5', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };
const API_KEY = { kind: 'api_key', apiKey: secret(ANTHROPIC_AWS.apiKey) } as const;

async function standUp(options: Partial<AnthropicAwsOptions> = {}, others: readonly TestUpstream[] = []) {
  const account = createAwsAccount();
  const keys = account.issue();
  const upstream = await startAnthropicAws(account);
  const provider = createAnthropicAws(
    {
      region: ANTHROPIC_AWS.region,
      workspaceId: ANTHROPIC_AWS.workspaceId,
      baseUrl: upstream.origin,
      credential: {
        kind: 'keys',
        accessKeyId: keys.accessKeyId,
        secretAccessKey: secret(keys.secretAccessKey),
        sessionToken: secret(keys.sessionToken),
      },
      headers: {},
      ...options,
    },
    { name: 'aws', clock: systemClock, log: createMemoryLog(), fetch },
  );
  const gateway = await startInferenceGateway([
    { name: 'aws', url: upstream.origin, descriptor: provider },
    ...others,
  ]);
  onTestFinished(async () => {
    await gateway.close();
    await upstream.close();
  });
  return {
    account,
    keys,
    upstream,
    gateway,
    provider,
    post: (body: unknown = REQUEST, options: PostOptions = {}) => post(gateway, body, options),
  };
}

describe('Claude Platform on AWS', () => {
  it('is asked at its region, under its own name', async () => {
    const { provider } = await standUp({ baseUrl: undefined });
    expect(provider.origin).toBe('https://aws-external-anthropic.eu-central-1.api.aws');
  });

  it('takes requests that are signed, with betas, query and workspace', async () => {
    const world = await standUp({ headers: { 'x-cost-centre': 'platform' } });
    const headers = {
      'anthropic-beta': 'a-1,request-tags-2026-08-21,b-2',
      'anthropic-version': '2026-10-21',
    };
    const answer = await world.post(REQUEST, { path: '/v1/messages?beta=true', headers });
    expect(answer.status).toBe(200);
    const [asked] = world.upstream.requests;
    expect(asked).toMatchObject({ url: '/v1/messages?beta=true', betas: ['a-1', 'b-2'] });
    expect(asked?.headers).toMatchObject({
      'anthropic-workspace-id': ANTHROPIC_AWS.workspaceId,
      'anthropic-version': '2026-10-21',
      'x-cost-centre': 'platform',
      'x-amz-security-token': world.keys.sessionToken,
    });
    expect(asked?.headers.authorization).toMatch(/SignedHeaders=[^,]*anthropic-beta;[^,]*x-cost-centre,/);
  });

  it('is shown an API key and no signature where there is one', async () => {
    const world = await standUp({ credential: API_KEY });
    expect((await world.post()).status).toBe(200);
    const [asked] = world.upstream.requests;
    expect(asked?.headers['x-api-key']).toBe(ANTHROPIC_AWS.apiKey);
    expect(asked?.headers.authorization).toBeUndefined();
    expect(asked?.headers['x-amz-date']).toBeUndefined();
  });

  it('learns nothing of what a client says about itself and its workspace', async () => {
    const world = await standUp();
    const headers = {
      authorization: 'Bearer developer',
      'x-api-key': 'developer',
      'anthropic-workspace-id': 'wrkspc_other',
      'x-amz-security-token': 'other',
      'x-amz-date': '20200101T000000Z',
    };
    expect((await world.post({ ...REQUEST, tags: { team: 'a' } }, { headers })).status).toBe(200);
    const [asked] = world.upstream.requests;
    expect(JSON.parse(String(asked?.body))).toEqual(REQUEST);
    expect(asked?.headers['x-api-key']).toBeUndefined();
  });

  it('counts tokens', async () => {
    const world = await standUp();
    const answer = await world.post(REQUEST, { path: '/v1/messages/count_tokens' });
    expect(JSON.parse(answer.body.toString())).toEqual({ input_tokens: 11 });
  });

  it("keeps the model's own words on a 400, and shows none of AWS's", async () => {
    const world = await standUp();
    world.upstream.answer({ kind: 'invalid_enveloped', message: 'max_tokens: must be more' });
    world.upstream.answer({ kind: 'invalid', message: 'max_tokens is odd' });
    expect(errorOf(await world.post())).toEqual({
      type: 'invalid_request_error',
      message: 'max_tokens: must be more',
    });
    const own = await world.post();
    expect([own.status, errorOf(own).message]).toEqual([400, 'upstream rejected the request']);
  });

  it('is passed over with an account that may not use it, and the operator reads why', async () => {
    const other = await startUpstream();
    onTestFinished(other.close);
    const world = await standUp({}, [{ name: 'other', url: other.url }]);
    world.upstream.answer({
      kind: 'invalid_enveloped',
      message: `Outbound web identity federation is disabled for your account ${PRIVATE_WORD}`,
    });
    const answer = await world.post();
    expect(answer.status).toBe(200);
    expect(other.requests).toHaveLength(1);
    expect(world.gateway.log.join('\n')).toContain("the gateway's credential or account failed there");
  });

  it('answers a signature that it refuses with nothing about the account', async () => {
    const world = await standUp();
    world.account.expire(world.keys);
    const answer = await world.post();
    expect(answer.status).toBe(502);
    expect(answer.body.toString()).not.toContain(PRIVATE_WORD);
    expect(world.upstream.requests).toHaveLength(1);
  });
});
