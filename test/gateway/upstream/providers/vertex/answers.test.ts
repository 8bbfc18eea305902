import { describe, expect, it, onTestFinished } from 'vitest';
import { createVertex } from '../../../../../src/gateway/upstream/providers/vertex/vertex.ts';
import { systemClock } from '../../../../../src/kernel/clock.ts';
import { errorOf, post, startInferenceGateway } from '../../../../support/inference-gateway.ts';
import { createMemoryLog } from '../../../../support/memory-log.ts';
import { outgoingRequest } from '../../../../support/outgoing-request.ts';
import { PRIVATE_WORD } from '../../../../support/stand-ins/stand-in.ts';
import { startVertex, VERTEX } from '../../../../support/stand-ins/vertex.ts';

const REQUEST = { model: 'claude-sonnet-4-5', max_tokens: 10, messages: [] };

async function standUp() {
  const upstream = await startVertex();
  const parts = { name: 'vertex', clock: systemClock, log: createMemoryLog(), fetch };
  const provider = createVertex(upstream.options, parts);
  const modelIds = { [REQUEST.model]: VERTEX.model };
  const gateway = await startInferenceGateway([{ name: 'vertex', url: upstream.origin, provider, modelIds }]);
  onTestFinished(async () => {
    await gateway.close();
    await upstream.close();
  });
  return { upstream, provider, gateway };
}

describe("a stream of Vertex's", () => {
  it('goes through as the bytes that came, whole events or pieces, with nothing done to any', async () => {
    const { upstream, provider, gateway } = await standUp();
    const pieces = [
      'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":3}}}\n\nev',
      'ent: content_block_delta\ndata:{"type":  "content_block_delta","delta":{"text":"\u00e9"}}\r\n\r\n',
      ': a comment\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n',
    ];
    upstream.answerAll((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const piece of pieces) response.write(piece);
      response.end();
    });
    const answer = await post(gateway, { ...REQUEST, stream: true });
    expect(answer.body.toString()).toBe(pieces.join(''));
    expect(provider.sendsPings).toBe(false);
  });
});

describe("a refusal of Vertex's", () => {
  it('of a streamed request comes in a list, and is read all the same', async () => {
    const { upstream, gateway } = await standUp();
    upstream.answer({ kind: 'throttled', retryAfterSeconds: 9 });
    const answer = await post(gateway, { ...REQUEST, stream: true });
    expect([answer.status, answer.headers['retry-after']]).toEqual([429, '9']);
    expect(errorOf(answer)).toEqual({
      type: 'rate_limit_error',
      message: 'upstream rate limit exceeded',
    });
    expect(gateway.log.join('\n')).toContain(PRIVATE_WORD);
  });

  it.each([
    'The request size (31457281 bytes) exceeds 30.000MB limit.',
    'The message size (40.2 MB) exceeds 30.000MB limit.',
  ])('for its size becomes words that clients recover from: %s', async (message) => {
    const { upstream, gateway } = await standUp();
    for (const stream of [false, true]) {
      upstream.answer({ kind: 'invalid', message });
      const answer = await post(gateway, { ...REQUEST, stream });
      expect([answer.status, errorOf(answer).message]).toEqual([400, 'Input is too long.']);
    }
  });

  it.each([
    [400, 'INVALID_ARGUMENT', 'x', 'request'],
    [400, 'FAILED_PRECONDITION', 'billing is off', 'account'],
    [
      400,
      'INVALID_ARGUMENT',
      'Publisher Model `projects/p/models/m` is not servable in region r.',
      'model_missing',
    ],
    [401, 'UNAUTHENTICATED', 'x', 'account'],
    [403, 'PERMISSION_DENIED', 'x', 'account'],
    [404, 'NOT_FOUND', 'x', 'model_missing'],
    [429, 'RESOURCE_EXHAUSTED', 'x', 'capacity'],
    [500, 'INTERNAL', 'x', 'broken'],
    [503, 'UNAVAILABLE', 'x', 'broken'],
    [504, 'DEADLINE_EXCEEDED', 'x', 'broken'],
  ])('with %i %s "%s" is one of: %s', async (code, status, message, verdict) => {
    const { provider } = await standUp();
    const body = Buffer.from(JSON.stringify([{ error: { code, message, status } }]));
    const refusal = { status: code, headers: {}, body, request: outgoingRequest() };
    expect(provider.judge(refusal).verdict).toBe(verdict);
  });

  it('is not asked for with a body that it would not take', async () => {
    const { provider } = await standUp();
    expect(provider.maxBodyBytes).toBe(30_000_000);
  });
});
