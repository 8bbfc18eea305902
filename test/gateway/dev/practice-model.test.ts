import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Anthropic, { APIError } from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPracticeModel } from '../../../src/gateway/dev/practice-model.ts';

let server: Server;
let origin: string;
let client: Anthropic;

const hello = {
  model: 'claude-test',
  max_tokens: 50,
  messages: [{ role: 'user' as const, content: 'two words' }],
};

beforeAll(async () => {
  const serve = createPracticeModel('/practice-model');
  server = createServer((message, response) => {
    if (!serve(message, response)) response.writeHead(404).end('not the practice model');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new Anthropic({ baseURL: `${origin}/practice-model`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('the practice model', () => {
  it('streams an answer that says what it is and repeats the prompt', async () => {
    const stream = client.messages.stream(hello);
    const types: string[] = [];
    stream.on('streamEvent', ({ type }) => types.push(type));
    const message = await stream.finalMessage();
    const [block] = message.content;
    expect(block?.type === 'text' && block.text).toMatch(/practice model.*You wrote 2 words: “two words”/);
    expect(message).toMatchObject({ role: 'assistant', model: 'claude-test', stop_reason: 'end_turn' });
    expect(message.usage.input_tokens).toBeGreaterThan(0);
    expect(message.usage.output_tokens).toBeGreaterThan(1);
    expect(types.filter((type) => type !== 'content_block_delta' && type !== 'ping')).toEqual([
      'message_start',
      'content_block_start',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(types.filter((type) => type === 'content_block_delta').length).toBeGreaterThan(10);
  });

  it('answers whole where no stream is asked for', async () => {
    const content = [
      { type: 'text' as const, text: 'first' },
      { type: 'text' as const, text: 'second' },
    ];
    const message = await client.messages.create({ ...hello, messages: [{ role: 'user', content }] });
    expect(message.content).toEqual([{ type: 'text', text: expect.stringContaining('“first second”') }]);
  });

  it('counts tokens', async () => {
    const { model, messages } = hello;
    expect((await client.messages.countTokens({ model, messages })).input_tokens).toBe(3);
  });

  it.each([
    ['no messages', '/v1/messages', '{"model":"x","max_tokens":1,"messages":[]}', 400],
    ['no max_tokens', '/v1/messages', '{"model":"x","messages":[{"role":"user","content":"x"}]}', 400],
    ['no JSON', '/v1/messages', 'nonsense', 400],
    ['another path', '/v1/complete', JSON.stringify(hello), 404],
  ])('refuses %s in the envelope of the Messages API', async (_what, path, body, status) => {
    const response = await fetch(`${origin}/practice-model${path}`, { method: 'POST', body });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({
      type: 'error',
      error: {
        type: status === 404 ? 'not_found_error' : 'invalid_request_error',
        message: expect.any(String),
      },
    });
  });

  it('is an error to the SDK as a real one is', async () => {
    const refused = client.messages.create({ ...hello, messages: [] });
    await expect(refused).rejects.toBeInstanceOf(APIError);
  });

  it('leaves other paths to others', async () => {
    expect((await fetch(`${origin}/practice-modelling`)).status).toBe(404);
    expect(await (await fetch(`${origin}/`)).text()).toBe('not the practice model');
  });
});
