import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createFoundry } from '../../../../../src/gateway/upstream/providers/foundry/foundry.ts';
import type { FoundryOptions } from '../../../../../src/gateway/upstream/providers/foundry/options.ts';
import { secret } from '../../../../../src/kernel/secret.ts';
import {
  errorOf,
  type PostOptions,
  post,
  startInferenceGateway,
} from '../../../../support/inference-gateway.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createMemoryLog } from '../../../../support/memory-log.ts';
import { outgoingRequest } from '../../../../support/outgoing-request.ts';
import type { EntraForm } from '../../../../support/stand-ins/entra.ts';
import { FOUNDRY, startFoundry } from '../../../../support/stand-ins/foundry.ts';

const REQUEST = { model: 'claude-sonnet-5', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };

async function standUp(kind: 'api_key' | EntraForm, options: Partial<FoundryOptions> = {}) {
  const upstream = await startFoundry(kind);
  const clock = createManualClock(Date.now());
  const parts = { name: 'foundry', clock, log: createMemoryLog(), fetch };
  const provider = createFoundry({ ...upstream.options, ...options }, parts);
  const modelIds = { [REQUEST.model]: FOUNDRY.model };
  const gateway = await startInferenceGateway([
    { name: 'foundry', url: upstream.origin, provider, modelIds },
  ]);
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

function providerAt(endpoint: FoundryOptions['endpoint']) {
  const credential = { kind: 'api_key', apiKey: secret('key') } as const;
  const parts = { name: 'foundry', clock: createManualClock(), log: createMemoryLog(), fetch };
  return createFoundry({ endpoint, credential, headers: {} }, parts);
}

/** What tools for developers leave in an environment. */
function stubStrayEnvironment(): void {
  vi.stubEnv('ANTHROPIC_API_KEY', 'stray-key');
  vi.stubEnv('ANTHROPIC_AUTH_TOKEN', 'stray-token');
  vi.stubEnv('ANTHROPIC_CUSTOM_HEADERS', 'authorization: stray-header');
  vi.stubEnv('ANTHROPIC_FOUNDRY_API_KEY', 'stray-foundry-key');
  vi.stubEnv('ANTHROPIC_FOUNDRY_RESOURCE', 'stray-resource');
  vi.stubEnv('ANTHROPIC_FOUNDRY_BASE_URL', 'https://stray.example.test/anthropic');
  onTestFinished(() => void vi.unstubAllEnvs());
}

describe('where Foundry is', () => {
  it('by the name of its resource', async () => {
    const provider = providerAt({ kind: 'resource', resource: 'acme' });
    expect(provider.origin).toBe('https://acme.services.ai.azure.com');
    expect((await provider.prepare(outgoingRequest())).path).toBe('/anthropic/v1/messages');
  });

  it.each([
    ['https://acme.azure.example.test/anthropic', '/anthropic/v1/messages'],
    ['https://acme.azure.example.test/anthropic/', '/anthropic/v1/messages'],
    ['https://acme.azure.example.test/anthropic/v1', '/anthropic/v1/messages'],
    ['https://apim.example.test/foundry/anthropic', '/foundry/anthropic/v1/messages'],
    ['https://apim.example.test', '/v1/messages'],
  ])('by %s', async (baseUrl, path) => {
    const provider = providerAt({ kind: 'base_url', baseUrl });
    expect(provider.origin).toBe(new URL(baseUrl).origin);
    expect((await provider.prepare(outgoingRequest())).path).toBe(path);
  });
});

describe('a request to Foundry', () => {
  it('has the deployment as its model, and the key of the resource', async () => {
    stubStrayEnvironment();
    const world = await standUp('api_key', { headers: { 'X-Egress-Team': 'platform' } });
    expect((await world.post(REQUEST, { path: '/v1/messages?beta=true' })).status).toBe(200);
    const [asked] = world.upstream.requests;
    expect(asked?.url).toBe('/anthropic/v1/messages?beta=true');
    expect(asked?.model).toBe(FOUNDRY.model);
    expect(asked?.headers).toMatchObject({ 'x-api-key': FOUNDRY.apiKey, 'x-egress-team': 'platform' });
    expect(JSON.stringify(asked?.headers)).not.toContain('stray');
  });

  it('has a token of Entra ID, although the environment holds a key for other clients', async () => {
    stubStrayEnvironment();
    const world = await standUp('client_secret');
    expect((await world.post()).status).toBe(200);
    const [asked] = world.upstream.requests;
    expect(asked?.headers['authorization']).toBe('Bearer entra-token-1');
    expect(asked?.headers).not.toHaveProperty('x-api-key');
    expect(JSON.stringify(asked?.headers)).not.toContain('stray');
  });

  it('to count tokens goes where counting is', async () => {
    const world = await standUp('api_key');
    const answer = await world.post(REQUEST, { path: '/v1/messages/count_tokens' });
    expect(JSON.parse(answer.body.toString())).toEqual({ input_tokens: 7 });
    expect(world.upstream.requests[0]?.url).toBe('/anthropic/v1/messages/count_tokens');
  });
});

describe('the token of Entra ID', () => {
  it('is had once for all requests', async () => {
    const { upstream, provider } = await standUp('workload_identity');
    await Promise.all([1, 2, 3].map(() => provider.prepare(outgoingRequest())));
    expect(upstream.entra?.exchanges).toHaveLength(1);
    expect(provider.prepare(outgoingRequest())).not.toBeInstanceOf(Promise);
  });

  it('is had for the scope that the operator names', async () => {
    const scope = 'https://ai.azure.us/.default';
    const world = await standUp('client_secret', { credential: { kind: 'entra', scope } });
    if (world.upstream.entra) world.upstream.entra.scope = scope;
    expect((await world.post()).status).toBe(200);
  });

  it('is had anew when it is refused, and the request sent once more', async () => {
    const world = await standUp('client_secret');
    await world.post();
    world.clock.advance(10_000);
    world.upstream.entra?.revoke();
    expect((await world.post()).status).toBe(200);
    expect(world.upstream.requests.map(({ headers }) => headers['authorization'])).toEqual([
      'Bearer entra-token-1',
      'Bearer entra-token-1',
      'Bearer entra-token-2',
    ]);
  });

  it("that cannot be had is the operator's trouble, whose log ends with the cause", async () => {
    const world = await standUp('client_secret');
    if (world.upstream.entra) world.upstream.entra.scope = 'another';
    const answer = await world.post();
    expect([answer.status, errorOf(answer).type]).toEqual([502, 'api_error']);
    expect(world.gateway.log.join('\n')).toMatch(
      /error .*no credential for upstream foundry: .*AADSTS7000215/,
    );
  });
});

describe("a refusal of Foundry's", () => {
  it.each([
    [401, '401', 'account'],
    [401, 'invalid_model_endpoint_authentication', 'account'],
    [400, 'invalid_model_endpoint_authentication', 'account'],
    [403, 'PermissionDenied', 'account'],
    [404, 'DeploymentNotFound', 'model_missing'],
    [404, '404', 'model_missing'],
    [429, '429', 'capacity'],
    [400, 'BadRequest', 'request'],
    [500, 'InternalServerError', 'broken'],
    [503, 'ServiceUnavailable', 'broken'],
  ])('with %i and code %s is one of: %s', (status, code, verdict) => {
    const { judge } = providerAt({ kind: 'resource', resource: 'acme' });
    const body = Buffer.from(JSON.stringify({ error: { code, message: 'x' } }));
    expect(judge({ status, headers: {}, body, request: outgoingRequest() }).verdict).toBe(verdict);
  });

  it('of its key is not tried again: there is no other', () => {
    const { judge } = providerAt({ kind: 'resource', resource: 'acme' });
    const refusal = { status: 401, headers: {}, body: Buffer.from('{}'), request: outgoingRequest() };
    expect(judge(refusal).isWorthRepeating).toBeFalsy();
  });
});
