import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { scanBody } from '../../../../../src/gateway/http/body-scan.ts';
import type { VertexOptions } from '../../../../../src/gateway/upstream/providers/vertex/options.ts';
import { createVertex } from '../../../../../src/gateway/upstream/providers/vertex/vertex.ts';
import {
  errorOf,
  type PostOptions,
  post,
  startInferenceGateway,
} from '../../../../support/inference-gateway.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createMemoryLog } from '../../../../support/memory-log.ts';
import { outgoingRequest } from '../../../../support/outgoing-request.ts';
import { startVertex, VERTEX } from '../../../../support/stand-ins/vertex.ts';

const REQUEST = { model: 'claude-sonnet-4-5', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };
const MODELS = `/v1/projects/acme-ai/locations/us-east5/publishers/anthropic/models`;

async function standUp(options: Partial<VertexOptions> = {}) {
  const upstream = await startVertex();
  const clock = createManualClock(Date.now());
  const log = createMemoryLog();
  const provider = createVertex({ ...upstream.options, ...options }, { name: 'vertex', clock, log, fetch });
  const modelIds = { [REQUEST.model]: VERTEX.model };
  const gateway = await startInferenceGateway([{ name: 'vertex', url: upstream.origin, provider, modelIds }]);
  onTestFinished(async () => {
    await gateway.close();
    await upstream.close();
  });
  return {
    upstream,
    provider,
    clock,
    gateway,
    post: (body: unknown = REQUEST, options: PostOptions = {}) => post(gateway, body, options),
  };
}

describe('where Vertex is', () => {
  it.each([
    ['global', 'https://aiplatform.googleapis.com'],
    ['us', 'https://aiplatform.us.rep.googleapis.com'],
    ['eu', 'https://aiplatform.eu.rep.googleapis.com'],
    ['europe-west1', 'https://europe-west1-aiplatform.googleapis.com'],
  ])('for %s', async (region, origin) => {
    const { provider } = await standUp({ region, baseUrl: undefined });
    expect(provider.origin).toBe(origin);
    const { path } = await provider.prepare(outgoingRequest({}, {}, { upstreamModel: VERTEX.model }));
    expect(path).toBe(
      `/v1/projects/acme-ai/locations/${region}/publishers/anthropic/models/${VERTEX.model}:rawPredict`,
    );
  });

  it.each([
    ['', '/v1/projects/'],
    ['/', '/v1/projects/'],
    ['/v1', '/v1/projects/'],
    ['/v1beta1/', '/v1beta1/projects/'],
    ['/google/v1', '/google/v1/projects/'],
  ])('at a base URL that ends with "%s": under %s', async (path, expected) => {
    const { provider } = await standUp({ baseUrl: `https://us-east5-aiplatform.p.example.test${path}` });
    const prepared = await provider.prepare(outgoingRequest());
    expect(prepared.path.startsWith(`${expected}acme-ai/locations/us-east5/`)).toBe(true);
  });

  it('encodes what a path segment cannot hold, and leaves the @ of a date', async () => {
    const { provider } = await standUp();
    const { path } = await provider.prepare(outgoingRequest({}, {}, { upstreamModel: 'a/b?c@20250929' }));
    expect(path).toBe(`${MODELS}/a%2Fb%3Fc@20250929:rawPredict`);
  });
});

describe('a request to Vertex', () => {
  it('has the model in the path, the version of the dialect in the body, and the betas in a header', async () => {
    const world = await standUp();
    const headers = { 'anthropic-beta': 'context-1m-2025-08-07', 'anthropic-version': '2026-10-21' };
    const { status } = await world.post(REQUEST, { headers, path: '/v1/messages?beta=true' });
    expect(status).toBe(200);
    const [asked] = world.upstream.requests;
    expect(asked?.url).toBe(`${MODELS}/${VERTEX.model}:rawPredict`);
    expect(asked?.body.toString()).toBe(
      '{"anthropic_version":"vertex-2023-10-16","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}',
    );
    expect(asked?.headers['anthropic-beta']).toBe('context-1m-2025-08-07');
    expect(asked?.headers).not.toHaveProperty('anthropic-version');
  });

  it('keeps its stream field, and asks by the method that streams', async () => {
    const world = await standUp();
    world.upstream.answer({ kind: 'stream', events: [{ type: 'message_stop' }] });
    await world.post({ ...REQUEST, stream: true });
    expect(world.upstream.requests[0]?.url).toBe(`${MODELS}/${VERTEX.model}:streamRawPredict`);
    expect(JSON.parse(world.upstream.requests[0]?.body.toString() ?? '')).toMatchObject({ stream: true });
  });

  it.each([
    [
      '{"max_tokens":1,"messages":[],"model":"m"}',
      '{"max_tokens":1,"messages":[],"anthropic_version":"vertex-2023-10-16"}',
    ],
    ['{ "model" : "m" , "anthropic_version":"own" }', '{ "anthropic_version":"own" }'],
    ['{"anthropic_version":"own","model":"m"}', '{"anthropic_version":"own"}'],
    ['{"tags":{"t":1},"model":"m"}', '{"anthropic_version":"vertex-2023-10-16"}'],
    [
      '{"model":"m","anthropic_beta":["a","request-tags-2026-08-21"]}',
      '{"anthropic_version":"vertex-2023-10-16","anthropic_beta":["a"]}',
    ],
  ])('of %s is %s', async (text, expected) => {
    const { provider } = await standUp();
    const request = outgoingRequest({}, {}, { body: scanBody(Buffer.from(text)) });
    expect((await provider.prepare(request)).body.toString()).toBe(expected);
  });

  it('to count tokens names its model in the body, by what counting takes', async () => {
    const world = await standUp();
    const { status } = await world.post(REQUEST, { path: '/v1/messages/count_tokens?beta=true' });
    expect(status).toBe(200);
    const [asked] = world.upstream.requests;
    expect(asked?.url).toBe(`${MODELS}/count-tokens:rawPredict`);
    expect(asked?.body.toString()).toMatch(
      `{"anthropic_version":"vertex-2023-10-16","model":"${VERTEX.model}",`,
    );
    const request = outgoingRequest({}, {}, { endpoint: 'count_tokens', upstreamModel: 'claude-x@latest' });
    const { body } = await world.provider.prepare(request);
    expect(body.toString()).toContain('"model":"claude-x"');
  });

  it("has the operator's headers, and nothing of what the environment holds for other clients", async () => {
    vi.stubEnv('ANTHROPIC_API_KEY', 'stray-key');
    vi.stubEnv('ANTHROPIC_AUTH_TOKEN', 'stray-token');
    vi.stubEnv('ANTHROPIC_CUSTOM_HEADERS', 'authorization: stray-header');
    vi.stubEnv('ANTHROPIC_VERTEX_PROJECT_ID', 'stray-project');
    vi.stubEnv('CLOUD_ML_REGION', 'stray-region');
    vi.stubEnv('ANTHROPIC_VERTEX_BASE_URL', 'https://stray.example.test');
    onTestFinished(() => void vi.unstubAllEnvs());
    const world = await standUp({ headers: { 'X-Egress-Team': 'platform' } });
    expect((await world.post()).status).toBe(200);
    const [asked] = world.upstream.requests;
    expect(asked?.headers).toMatchObject({
      'x-egress-team': 'platform',
      authorization: 'Bearer ya29.stand-in-1',
    });
    expect(JSON.stringify([asked?.url, asked?.headers])).not.toContain('stray');
  });
});

describe('the credential for Vertex', () => {
  it('is had once for all requests, and renewed before its end while requests go on', async () => {
    const { upstream, provider, clock } = await standUp();
    await Promise.all([1, 2, 3].map(() => provider.prepare(outgoingRequest())));
    expect(upstream.identity.exchanges).toHaveLength(1);
    clock.advance(3_600_000 - 100_000);
    expect(provider.prepare(outgoingRequest())).not.toBeInstanceOf(Promise);
    await vi.waitFor(() => expect(upstream.identity.exchanges).toHaveLength(2));
  });

  it('is had anew when it is refused, and the request sent once more', async () => {
    const world = await standUp();
    await world.post();
    world.clock.advance(10_000);
    world.upstream.identity.revoke();
    expect((await world.post()).status).toBe(200);
    expect(world.upstream.requests.map(({ headers }) => headers['authorization'])).toEqual([
      'Bearer ya29.stand-in-1',
      'Bearer ya29.stand-in-1',
      'Bearer ya29.stand-in-2',
    ]);
  });

  it("that cannot be had is the operator's trouble, whose log ends with the cause", async () => {
    const world = await standUp();
    world.upstream.identity.instead = {
      status: 400,
      body: '{"error":"invalid_grant","error_description":"account not found"}',
    };
    const answer = await world.post();
    expect([answer.status, errorOf(answer).type]).toEqual([502, 'api_error']);
    expect(world.gateway.log.join('\n')).toMatch(
      /error .*no credential for upstream vertex: invalid_grant: account not found/,
    );
  });
});
