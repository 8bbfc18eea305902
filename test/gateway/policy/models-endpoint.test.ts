import { beforeAll, describe, expect, it } from 'vitest';
import { builtinModels } from '../../../src/gateway/catalog/builtin-models.ts';
import { createCatalog } from '../../../src/gateway/catalog/catalog.ts';
import type { Caller } from '../../../src/gateway/exchange.ts';
import { createModelsEndpoint } from '../../../src/gateway/policy/models-endpoint.ts';
import { createPolicySet } from '../../../src/gateway/policy/policy-set.ts';
import { type Answer, ask } from '../../support/device-flow.ts';
import { route, startListener } from '../../support/listener.ts';
import { NOTHING_PUSHED } from '../../support/nothing-pushed.ts';

const caller: Caller = {
  sub: 'ada',
  email: undefined,
  name: undefined,
  groups: [],
  sid: 'session-1',
  expiresAtMs: 0,
};
const policies = createPolicySet({
  policies: [
    {
      match: { groups: undefined, emailDomain: undefined },
      documents: {
        settings: { availableModels: ['opus', 'House-Model/1 2'], deniedModels: ['opus-5'] },
        desktop: undefined,
      },
    },
  ],
  catalog: createCatalog(
    {
      upstreams: [{ name: 'anthropic', provider: 'anthropic', region: undefined, models: undefined }],
      models: [
        { id: 'House-Model/1 2', label: 'House', description: 'Ours', upstreamModel: { anthropic: 'x' } },
      ],
      includesBuiltin: true,
      forwardsUnknown: false,
    },
    builtinModels(),
  ),
  push: NOTHING_PUSHED,
  desktop: { publicUrl: 'https://gateway.example', forwardsTelemetry: false },
});
const ALL = ['claude-opus-4-8', 'claude-opus-4-7', 'claude-opus-4-6', 'claude-opus-4-5', 'House-Model/1 2'];

const { list, one } = createModelsEndpoint(policies);
let url: string;

beforeAll(async () => {
  const listener = await startListener([
    route((request, reply) => list(request, reply, caller), { path: '/v1/models' }),
    route((request, reply) => one(request, reply, caller), { path: '/v1/models/:id' }),
  ]);
  url = `${listener.url}/v1/models`;
  return listener.close;
});

const idsOf = ({ text }: Answer): string[] => JSON.parse(text).data.map(({ id }: { id: string }) => id);

describe('the list of models', () => {
  it('holds what the developer may use, in the shape of the Messages API', async () => {
    const answer = await ask(url);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(idsOf(answer)).toEqual(ALL);
    expect(answer.json).toMatchObject({
      first_id: 'claude-opus-4-8',
      last_id: 'House-Model/1 2',
      has_more: false,
    });
    expect(JSON.parse(answer.text).data.at(-1)).toMatchObject({ display_name: 'House', description: 'Ours' });
    expect(JSON.parse(answer.text).data.at(-2)).toEqual({
      type: 'model',
      id: 'claude-opus-4-5',
      display_name: 'Claude Opus 4.5',
      created_at: '2025-11-01T00:00:00Z',
      max_input_tokens: expect.any(Number),
      max_tokens: expect.any(Number),
      capabilities: null,
    });
  });

  it.each<[string, string[], boolean]>([
    ['?limit=1000', ALL, false],
    ['?limit=2', ALL.slice(0, 2), true],
    ['?limit=5', ALL, false],
    ['?limit=4', ALL.slice(0, 4), true],
    ['?limit=3&after_id=claude-opus-4-7', ALL.slice(2), false],
    ['?limit=1&after_id=claude-opus-4-7', ALL.slice(2, 3), true],
    ['?after_id=House-Model%2F1%202', [], false],
    ['?after_id=nobody-knows', [], false],
    ['?limit=2&before_id=claude-opus-4-5', ALL.slice(1, 3), true],
    ['?before_id=claude-opus-4-7', ALL.slice(0, 1), false],
    ['?before_id=claude-opus-4-8', [], false],
    ['?before_id=nobody-knows', [], false],
    ['?beta=true&unknown=1', ALL, false],
  ])('%s is %j', async (query, ids, hasMore) => {
    const answer = await ask(url + query);
    expect(idsOf(answer)).toEqual(ids);
    expect(answer.json).toMatchObject({
      first_id: ids[0] ?? null,
      last_id: ids.at(-1) ?? null,
      has_more: hasMore,
    });
  });

  it.each(['0', '-1', '1001', '1.5', 'x', ''])('refuses limit=%s', async (limit) => {
    const answer = await ask(`${url}?limit=${limit}`);
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({
      error: { type: 'invalid_request_error', message: 'limit: must be a whole number from 1 to 1000' },
    });
  });

  it('answers HEAD', async () => {
    const answer = await ask(url, { method: 'HEAD' });
    expect([answer.status, answer.text]).toEqual([200, '']);
  });
});

describe('one model', () => {
  it.each([
    'claude-opus-4-5',
    'claude-opus-4-5-20251101',
    'CLAUDE-OPUS-4-5',
    'claude-opus-4-5[1m]',
    'claude-opus-4-5%4020251101',
    'us.anthropic.claude-opus-4-5-20251101-v1:0',
    encodeURIComponent(
      'arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-opus-4-5-20251101-v1:0',
    ),
  ])('is found as %s', async (id) => {
    const answer = await ask(`${url}/${id}`);
    expect(answer.json).toMatchObject({ type: 'model', id: 'claude-opus-4-5' });
  });

  it('is found by an id that has to be encoded', async () => {
    expect((await ask(`${url}/House-Model%2F1%202`)).json).toMatchObject({ id: 'House-Model/1 2' });
  });

  it.each([
    'claude-opus-5',
    'us.anthropic.claude-opus-5',
    'claude-sonnet-4-6',
    'nobody-knows',
    'opus',
    '%00',
    encodeURIComponent('<b>'),
  ])('that the developer may not use, or nobody knows (%s), is not found', async (id) => {
    const answer = await ask(`${url}/${id}`);
    expect(answer.status).toBe(404);
    expect(answer.json).toMatchObject({
      error: { type: 'not_found_error', message: `model: ${decodeURIComponent(id)}` },
    });
  });
});
