import { describe, expect, it, onTestFinished } from 'vitest';
import { baseModel } from '../../../../../src/gateway/upstream/providers/bedrock/model-path.ts';
import { errorOf } from '../../../../support/inference-gateway.ts';
import { startUpstream } from '../../../../support/upstream.ts';
import { MODEL, REQUEST, standUp } from './bedrock-world.ts';

const COUNTED = { model: MODEL, messages: [{ role: 'user', content: 'hi' }] };
const NOT_SUPPORTED = { type: 'not_supported', message: 'not supported by the upstream' };
const APPLICATION = 'arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc123';

describe('a count at Bedrock', () => {
  it('is asked of the base model and answered in the words of the Messages API', async () => {
    const world = await standUp();
    world.upstream.answer({ kind: 'count', inputTokens: 321 });
    const answer = await world.count(COUNTED);
    expect(answer.status).toBe(200);
    expect(answer.body.toString()).toBe('{"input_tokens":321}');
    expect(answer.headers['content-type']).toBe('application/json');
    const [asked] = world.upstream.requests;
    expect(asked?.url).toBe('/model/anthropic.claude-sonnet-5/count-tokens');
    expect(JSON.parse(String(asked?.body))).toEqual({
      anthropic_version: 'bedrock-2023-05-31',
      max_tokens: 1,
      messages: COUNTED.messages,
    });
  });

  it.each([
    ['no tools', { tools: [] }, { max_tokens: 1 }],
    ['no tools, written wide', { tools: [], max_tokens: 7 }, { max_tokens: 7 }],
    ['tools', { tools: [{ name: 'a' }] }, { tools: [{ name: 'a' }], max_tokens: 1 }],
    [
      'more thinking than room to answer',
      { max_tokens: 1024, thinking: { type: 'enabled', budget_tokens: 2048 } },
      { max_tokens: 2049, thinking: { type: 'enabled', budget_tokens: 2048 } },
    ],
    [
      'thinking and no word of room',
      { thinking: { type: 'enabled', budget_tokens: 2048 } },
      { max_tokens: 2049, thinking: { type: 'enabled', budget_tokens: 2048 } },
    ],
    [
      'thinking without a budget',
      { thinking: { type: 'adaptive' } },
      { max_tokens: 1, thinking: { type: 'adaptive' } },
    ],
    ['no room to answer', { max_tokens: 0 }, { max_tokens: 1 }],
    ['an odd bound', { max_tokens: '7' }, { max_tokens: 1 }],
    ['whether to stream, and tags', { stream: true, tags: { team: 'a' } }, { max_tokens: 1 }],
    [
      'betas in its body',
      { anthropic_beta: ['x-1', 'claude-code-20250219'] },
      {
        max_tokens: 1,
        anthropic_beta: ['claude-code-20250219'],
      },
    ],
    ['only betas that do not count', { anthropic_beta: ['x-1'] }, { max_tokens: 1 }],
  ])('is in a shape that Bedrock takes, with %s', async (_case, sent, expected) => {
    const world = await standUp();
    expect((await world.count({ ...COUNTED, ...sent })).status).toBe(200);
    expect(JSON.parse(String(world.upstream.requests[0]?.body))).toEqual({
      anthropic_version: 'bedrock-2023-05-31',
      messages: COUNTED.messages,
      ...expected,
    });
  });

  it('carries none of the betas that CountTokens refuses', async () => {
    const { provider, upstream, gateway } = await standUp();
    expect(provider.countsTokens).toBe(true);
    const betas = 'interleaved-thinking-2025-05-14, claude-code-20250219,token-counting-2024-11-01';
    const headers = { 'content-type': 'application/json', 'anthropic-beta': betas };
    const body = JSON.stringify(COUNTED);
    const answer = await fetch(`${gateway.url}/v1/messages/count_tokens`, { method: 'POST', headers, body });
    expect(answer.status).toBe(200);
    expect(upstream.requests[0]?.betas).toEqual(['claude-code-20250219']);
  });

  it.each([
    ['us.anthropic.claude-x-v1:0', 'anthropic.claude-x-v1:0'],
    ['us-gov.anthropic.claude-x', 'anthropic.claude-x'],
    ['global.anthropic.claude-x', 'anthropic.claude-x'],
    ['anthropic.claude-x', 'anthropic.claude-x'],
    ['arn:aws:bedrock:us-west-2:123456789012:inference-profile/eu.anthropic.claude-x', 'anthropic.claude-x'],
    ['arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/anthropic.claude-x', 'anthropic.claude-x'],
    [APPLICATION, undefined],
    ['arn:aws:bedrock:us-west-2:123456789012:provisioned-model/abc', undefined],
    ['abc123', undefined],
  ])('for %s is asked of %s', (model, base) => {
    expect(baseModel(model)).toBe(base);
  });
});

describe('a count that cannot be had of Bedrock', () => {
  it('is not even asked for a profile that does not tell its model', async () => {
    const world = await standUp({ model: APPLICATION });
    const answer = await world.count(COUNTED);
    expect([answer.status, answer.headers['x-should-retry']]).toEqual([501, 'false']);
    expect(errorOf(answer)).toEqual(NOT_SUPPORTED);
    expect(world.upstream.requests).toHaveLength(0);
  });

  it.each(['throttled', 'credential_refused', 'model_missing', 'failed', 'too_large'] as const)(
    'is one that clients make by other means: %s',
    async (kind) => {
      const world = await standUp();
      world.upstream.answer({ kind });
      const answer = await world.count(COUNTED);
      expect([answer.status, answer.headers['x-should-retry']]).toEqual([501, 'false']);
      expect(errorOf(answer)).toEqual(NOT_SUPPORTED);
    },
  );

  it('is had of another upstream where there is one', async () => {
    const other = await startUpstream();
    onTestFinished(other.close);
    const world = await standUp({ others: [{ name: 'other', url: other.url }] });
    world.upstream.answer({ kind: 'invalid', message: "The provided model doesn't support counting tokens" });
    expect((await world.count(COUNTED)).status).toBe(200);
    expect(other.requests).toHaveLength(1);
  });

  it('for its size is not asked for', async () => {
    const world = await standUp();
    // Within what an InvokeModel may hold, and too much in base64.
    const content = 'x'.repeat(19_000_000);
    const answer = await world.count({ ...REQUEST, messages: [{ role: 'user', content }] });
    expect(answer.status).toBe(501);
    expect(world.upstream.requests).toHaveLength(0);
  });

  it('that cannot be read is a failure', async () => {
    const world = await standUp();
    world.upstream.answerAll((_asked, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"inputTokens":"many"}');
    });
    expect((await world.count(COUNTED)).status).toBe(502);
    expect(world.gateway.log.join('\n')).toContain('its count cannot be read');
  });
});
