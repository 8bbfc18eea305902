import { describe, expect, it, onTestFinished } from 'vitest';
import { createMantle, type MantleOptions } from '../../../../src/gateway/upstream/providers/mantle.ts';
import { systemClock } from '../../../../src/kernel/clock.ts';
import { secret } from '../../../../src/kernel/secret.ts';
import {
  errorOf,
  type PostOptions,
  post,
  startInferenceGateway,
} from '../../../support/inference-gateway.ts';
import { createMemoryLog } from '../../../support/memory-log.ts';
import { outgoingRequest } from '../../../support/outgoing-request.ts';
import { createAwsAccount } from '../../../support/stand-ins/aws-account.ts';
import { MANTLE, startMantle } from '../../../support/stand-ins/mantle.ts';
import { PRIVATE_WORD } from '../../../support/stand-ins/stand-in.ts';

const REQUEST = { model: 'claude-sonnet-5', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };
const BEARER = { kind: 'bearer', token: secret(MANTLE.token) } as const;

async function standUp(options: Partial<MantleOptions> = {}) {
  const account = createAwsAccount();
  const keys = account.issue();
  const upstream = await startMantle(account);
  const provider = createMantle(
    {
      region: MANTLE.region,
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
    { name: 'mantle', clock: systemClock, log: createMemoryLog(), fetch },
  );
  const modelIds = { 'claude-sonnet-5': MANTLE.model };
  const gateway = await startInferenceGateway([
    { name: 'mantle', url: upstream.origin, descriptor: provider, modelIds },
  ]);
  onTestFinished(async () => {
    await gateway.close();
    await upstream.close();
  });
  return {
    upstream,
    provider,
    post: (body: unknown = REQUEST, options: PostOptions = {}) => post(gateway, body, options),
  };
}

describe("Bedrock's Messages endpoint", () => {
  it('is asked at its region, under its own name', async () => {
    const { provider } = await standUp({ baseUrl: undefined });
    expect(provider.origin).toBe('https://bedrock-mantle.us-east-1.api.aws');
  });

  it.each([
    ['', '/anthropic/v1/messages'],
    ['/', '/anthropic/v1/messages'],
    ['/anthropic', '/anthropic/v1/messages'],
    ['/anthropic/v1/', '/anthropic/v1/messages'],
    ['/bedrock/anthropic', '/bedrock/anthropic/v1/messages'],
  ])('at a base URL that ends with "%s" is found under %s', async (path, expected) => {
    const { provider } = await standUp({ baseUrl: `https://vpce.example.test${path}` });
    expect((await provider.prepare(outgoingRequest())).path).toBe(expected);
  });

  it('takes requests that are signed, with the id that it has for the model', async () => {
    const world = await standUp();
    const answer = await world.post({ ...REQUEST, stream: false }, { path: '/v1/messages?beta=true' });
    expect(answer.status).toBe(200);
    expect(world.upstream.requests[0]).toMatchObject({
      url: '/anthropic/v1/messages?beta=true',
      model: 'anthropic.claude-sonnet-5',
    });
  });

  it('is shown a bearer token and no signature where there is one', async () => {
    const world = await standUp({ credential: BEARER });
    expect((await world.post()).status).toBe(200);
    expect(world.upstream.requests[0]?.headers.authorization).toBe(`Bearer ${MANTLE.token}`);
    expect(world.upstream.requests[0]?.headers['x-amz-date']).toBeUndefined();
  });

  it('counts tokens', async () => {
    const world = await standUp();
    const answer = await world.post(REQUEST, { path: '/v1/messages/count_tokens' });
    expect(JSON.parse(answer.body.toString())).toEqual({ input_tokens: 11 });
    expect(world.upstream.requests[0]?.url).toBe('/anthropic/v1/messages/count_tokens');
  });

  it('passes a stream on as it comes', async () => {
    const world = await standUp();
    const events = [
      { type: 'message_start', message: { id: 'msg_1', usage: { input_tokens: 1, output_tokens: 1 } } },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 3 } },
      { type: 'message_stop' },
    ];
    world.upstream.answer({ kind: 'stream', events });
    const answer = await world.post({ ...REQUEST, stream: true });
    const data = [...answer.body.toString().matchAll(/^data: (.+)$/gm)].map(([, text = '']) =>
      JSON.parse(text),
    );
    expect(data).toEqual(events);
    expect(answer.isComplete).toBe(true);
  });

  it.each(['ExpiredTokenException', 'AccessDeniedException'])(
    "tells that the gateway's own access failed where that comes as a 400: %s",
    async (code) => {
      const world = await standUp();
      world.upstream.answerAll((_asked, response) => {
        response.writeHead(400, { 'content-type': 'application/json', 'x-amzn-errortype': code });
        response.end(JSON.stringify({ message: `no for ${PRIVATE_WORD}` }));
      });
      const answer = await world.post();
      expect([answer.status, errorOf(answer).type]).toEqual([502, 'api_error']);
      expect(errorOf(answer).message).toContain("the gateway's own access to the model failed");
      expect(errorOf(answer).message).not.toContain(PRIVATE_WORD);
    },
  );

  it('tells of a limit without a word about the account', async () => {
    const world = await standUp();
    world.upstream.answer({ kind: 'throttled', retryAfterSeconds: 3 });
    const answer = await world.post();
    expect([answer.status, answer.headers['retry-after']]).toEqual([429, '3']);
    expect(errorOf(answer)).toEqual({ type: 'rate_limit_error', message: 'upstream rate limit exceeded' });
  });
});
