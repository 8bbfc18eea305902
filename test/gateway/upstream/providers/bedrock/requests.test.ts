import { describe, expect, it } from 'vitest';
import { modelPath } from '../../../../../src/gateway/upstream/providers/bedrock/model-path.ts';
import { errorOf } from '../../../../support/inference-gateway.ts';
import { outgoingRequest } from '../../../../support/outgoing-request.ts';
import { MOST_BYTES } from '../../../../support/stand-ins/bedrock-rules.ts';
import { startUpstream } from '../../../../support/upstream.ts';
import { REQUEST, standUp } from './bedrock-world.ts';

const GUARDRAIL = { id: 'gr-1', version: 'DRAFT' };

describe('a message to Bedrock', () => {
  it('is asked of its region', async () => {
    const { provider } = await standUp({ bedrock: { baseUrl: undefined } });
    expect(provider.origin).toBe('https://bedrock-runtime.us-west-2.amazonaws.com');
  });

  it('keeps the path of a base URL', async () => {
    const { provider } = await standUp({ bedrock: { baseUrl: 'https://vpce.example.test/bedrock/' } });
    const { path } = await provider.prepare(outgoingRequest({}, {}, { upstreamModel: 'us.anthropic.x' }));
    expect(path).toBe('/bedrock/model/us.anthropic.x/invoke');
  });

  it.each([
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'],
    [
      'arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc123',
      'arn:aws:bedrock:us-west-2:123456789012:application-inference-profile%2Fabc123',
    ],
    ["a-Z09._~!$&'()*+,;=:@", "a-Z09._~!$&'()*+,;=:@"],
    ['a b/c?d#e%[ü]', 'a%20b%2Fc%3Fd%23e%25%5B%C3%BC%5D'],
  ])('names the model %s as one segment of the path', (model, segment) => {
    expect(modelPath(model)).toBe(`/model/${segment}`);
  });

  it('is signed also where the model is an ARN', async () => {
    const model = 'arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc123';
    const world = await standUp({ model });
    expect((await world.post()).status).toBe(200);
    expect(world.upstream.requests[0]).toMatchObject({ model });
  });

  it('has the model and whether to stream in its path, and the dialect in its body', async () => {
    const world = await standUp();
    expect((await world.post({ stream: false, ...REQUEST })).status).toBe(200);
    expect((await world.post({ ...REQUEST, stream: true })).status).toBe(200);
    const [whole, streamed] = world.upstream.requests;
    const { model: _model, ...members } = REQUEST;
    expect(JSON.parse(String(whole?.body))).toEqual({ anthropic_version: 'bedrock-2023-05-31', ...members });
    expect(streamed?.body).toEqual(whole?.body);
    expect(whole?.url).toBe('/model/us.anthropic.claude-sonnet-5/invoke');
    expect(streamed?.url).toBe('/model/us.anthropic.claude-sonnet-5/invoke-with-response-stream');
  });

  it("has the client's betas in its body, but for the gateway's own", async () => {
    const world = await standUp();
    const betas = ' interleaved-thinking-2025-05-14 ,, request-tags-2026-08-21,context-1m-2025-08-07';
    await world.post({ ...REQUEST, tags: { team: 'a' } }, { headers: { 'anthropic-beta': betas } });
    const [asked] = world.upstream.requests;
    expect(asked?.betas).toEqual(['interleaved-thinking-2025-05-14', 'context-1m-2025-08-07']);
    expect(asked?.headers['anthropic-beta']).toBeUndefined();
  });

  it.each([
    [['a-1', 'request-tags-2026-08-21'], ['a-1']],
    [['request-tags-2026-08-21'], undefined],
    [
      ['a-1', 'b-2'],
      ['a-1', 'b-2'],
    ],
    ['odd', 'odd'],
  ])('keeps betas and the version that its body has already: %j', async (sent, kept) => {
    const { provider } = await standUp();
    const body = { ...REQUEST, anthropic_version: 'bedrock-of-tomorrow', anthropic_beta: sent };
    const prepared = await provider.prepare(outgoingRequest(body, { 'anthropic-beta': 'c-3' }));
    const { model: _model, ...members } = body;
    expect(JSON.parse(prepared.body.toString())).toEqual({ ...members, anthropic_beta: kept });
  });

  it("carries the operator's headers under the signature, and none of the client's", async () => {
    const world = await standUp({ bedrock: { headers: { 'X-Cost-Centre': 'platform' } } });
    const headers = { 'x-amzn-bedrock-guardrailidentifier': 'own', 'x-claude-code-session-id': 's' };
    expect((await world.post(REQUEST, { headers })).status).toBe(200);
    const [asked] = world.upstream.requests;
    expect(asked?.headers).toMatchObject({ 'x-cost-centre': 'platform', 'content-type': 'application/json' });
    expect(asked?.headers['authorization']).toMatch(/SignedHeaders=[^,]*x-cost-centre/);
    for (const name of Object.keys(headers)) expect(asked?.headers[name]).toBeUndefined();
  });

  it('that is larger than Bedrock takes goes elsewhere', async () => {
    const other = await startUpstream();
    const world = await standUp({ others: [{ name: 'other', url: other.url }] });
    const text = 'x'.repeat(MOST_BYTES);
    expect((await world.post({ ...REQUEST, messages: [{ role: 'user', content: text }] })).status).toBe(200);
    expect([world.upstream.requests.length, other.requests.length]).toEqual([0, 1]);
    await other.close();
  });
});

describe('a guardrail', () => {
  it('is named in the headers of every message', async () => {
    const world = await standUp({ bedrock: { guardrail: GUARDRAIL } });
    await world.post();
    await world.post({ ...REQUEST, stream: true });
    for (const { headers } of world.upstream.requests)
      expect(headers).toMatchObject({
        'x-amzn-bedrock-guardrailidentifier': 'gr-1',
        'x-amzn-bedrock-guardrailversion': 'DRAFT',
      });
    expect(world.upstream.requests).toHaveLength(2);
  });

  it.each([
    '"amazon-bedrock-guardrailConfig":{}',
    '"amazon-bedrock-trace" : "DISABLED"',
    '"\\u0061mazon-bedrock-guardrailAction":1',
    '"amazon\\u002Dbedrock-x":1',
  ])('cannot be set aside by a client: %s', async (member) => {
    const world = await standUp({ bedrock: { guardrail: GUARDRAIL } });
    for (const body of [
      `{${member},"model":"claude-sonnet-5","messages":[]}`,
      `{"model":"claude-sonnet-5","messages":[{}] , ${member} }`,
    ]) {
      const answer = await world.post(Buffer.from(body));
      expect(answer.status).toBe(400);
      expect(errorOf(answer)).toEqual({
        type: 'invalid_request_error',
        message: 'amazon-bedrock-… fields are not permitted: a guardrail is set for all requests',
      });
    }
    expect(world.upstream.requests).toHaveLength(0);
  });

  it('lets pass what only speaks of such members', async () => {
    const world = await standUp({ bedrock: { guardrail: GUARDRAIL } });
    const content = 'set "amazon-bedrock-trace", \u0001 or {"amazon-bedrock-guardrailConfig":1}';
    const metadata = { 'amazon-bedrock-trace': 1 };
    expect((await world.post({ ...REQUEST, metadata, messages: [{ role: 'user', content }] })).status).toBe(
      200,
    );
  });

  it('that is not set leaves such members to Bedrock', async () => {
    const world = await standUp();
    expect((await world.post({ ...REQUEST, 'amazon-bedrock-trace': 'ENABLED' })).status).toBe(200);
    expect(JSON.parse(String(world.upstream.requests[0]?.body))).toHaveProperty('amazon-bedrock-trace');
  });
});
