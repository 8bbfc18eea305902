import Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startInferenceGateway, type TestGateway } from '../support/inference-gateway.ts';
import {
  answerEvents,
  json,
  message,
  refusal,
  type StandInUpstream,
  startUpstream,
  stream,
} from '../support/upstream.ts';

const request = {
  model: 'claude-test',
  max_tokens: 64,
  messages: [{ role: 'user' as const, content: 'hi' }],
};

let upstream: StandInUpstream;
let gateway: TestGateway;
let client: Anthropic;

beforeEach(async () => {
  upstream = await startUpstream();
  gateway = await startInferenceGateway([{ name: 'anthropic', url: upstream.url }]);
  client = new Anthropic({ baseURL: gateway.url, authToken: 'session', maxRetries: 0 });
});

afterEach(async () => {
  await gateway.close();
  await upstream.close();
});

describe("Anthropic's own SDK", () => {
  it('creates a message', async () => {
    upstream.answer = message();
    const { content, usage } = await client.messages.create(request);
    expect(content[0]).toMatchObject({ type: 'text', text: 'hello' });
    expect(usage.output_tokens).toBe(3);
  });

  it('streams a message to its end', async () => {
    upstream.answer = stream(...answerEvents(['he', 'llo'], 2));
    const got = client.messages.stream(request);
    expect(await got.finalText()).toBe('hello');
    expect((await got.finalMessage()).usage.output_tokens).toBe(2);
  });

  it('counts tokens', async () => {
    upstream.answer = json(200, { input_tokens: 7 });
    expect(
      (await client.messages.countTokens({ model: 'claude-test', messages: request.messages })).input_tokens,
    ).toBe(7);
  });

  it.each([
    [400, 'invalid_request_error', Anthropic.BadRequestError],
    [404, 'not_found_error', Anthropic.NotFoundError],
    [429, 'rate_limit_error', Anthropic.RateLimitError],
    [529, 'overloaded_error', Anthropic.InternalServerError],
  ])('throws its own class for a %i', async (status, type, errorClass) => {
    upstream.answer = refusal(status, type, 'because');
    const error = await client.messages.create(request).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(errorClass);
    expect(error).toMatchObject({ status, error: { error: { type, message: 'because' } } });
    expect((error as InstanceType<typeof Anthropic.APIError>).requestID).toMatch(/^req_[0-9A-Za-z]{24}$/);
  });

  it('sees a broken stream as an error, never as an answer', async () => {
    upstream.answer = stream(...answerEvents(['he', 'llo']).slice(0, -2));
    await expect(client.messages.stream(request).finalMessage()).rejects.toThrow(/broke off/);
  });

  it('ends the upstream request when it aborts', async () => {
    const [start = ''] = answerEvents([]);
    upstream.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(start);
    };
    const got = await client.messages.create({ ...request, stream: true });
    for await (const _event of got) got.controller.abort();
    await (await upstream.request()).closed;
    expect(await gateway.event()).toMatchObject({ outcome: 'client_left' });
  });
});
