import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Deployment, SECRETS, startDeployment } from '../support/deployment.ts';
import { createDeviceFlow } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { transcript } from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';
import { answerEvents, json, message, refusal, startStream, stream } from '../support/upstream.ts';

const MODEL = 'claude-sonnet-4-5';
const prompt = { model: MODEL, max_tokens: 64, messages: [{ role: 'user' as const, content: 'a kumquat' }] };

let folder: string;
let deployment: Deployment;
let url: string;
let accessToken: string;
let refreshToken: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-inference-'));
  deployment = await startDeployment({
    store: { embedded: await newEmbeddedFolder(join(folder, 'store')) },
    config: {
      managed: { policies: [{ match: {}, cli: { availableModels: ['sonnet'] } }] },
      limits: { max_request_bytes: 12_000_000 },
    },
  });
  [{ url }] = deployment.gateways;
  const tokens = await createDeviceFlow({ url }).signIn();
  ({ access_token: accessToken, refresh_token: refreshToken } = tokens);
});

afterAll(async () => {
  await deployment.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  deployment.upstream.answer = message();
});

/** Posts and hands back the answer once its head is here. */
function post(body: string | object, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      `${url}/v1/messages`,
      {
        method: 'POST',
        agent: false,
        headers: {
          authorization: `Bearer ${accessToken}`,
          'content-type': 'application/json',
          'content-length': bytes.length,
          ...headers,
        },
      },
      resolve,
    );
    sent.on('error', reject);
    sent.end(bytes);
  });
}

/** Everything until the connection ends, well or badly. */
async function rest(
  answer: IncomingMessage,
): Promise<{ readonly text: string; readonly isComplete: boolean }> {
  const chunks: Buffer[] = [];
  answer.on('data', (chunk: Buffer) => chunks.push(chunk));
  answer.on('error', () => undefined);
  // `once` from node:events would reject with the error that a broken answer is.
  await new Promise<void>((resolve) => answer.once('close', resolve));
  return { text: Buffer.concat(chunks).toString(), isComplete: answer.complete };
}

describe('a streamed answer', () => {
  it("is the upstream's, byte for byte, and is on its way while the upstream is still sending", async () => {
    const events = answerEvents(['el', 'eph', 'ant']);
    let goOn: () => void = () => undefined;
    deployment.upstream.answer = async (_request, response) => {
      startStream(response);
      response.write(events[0]);
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      response.end(events.slice(1).join(''));
    };
    const answer = await post({ ...prompt, stream: true });
    const [first] = (await once(answer, 'data')) as [Buffer];
    expect(first.toString()).toBe(events[0]);
    const remaining = rest(answer);
    goOn();
    const { text, isComplete } = await remaining;
    expect(first.toString() + text).toBe(events.join(''));
    expect(isComplete).toBe(true);
    expect(answer.headers['x-upstream-request-id']).toBe('req_upstream');
    const recorded = await deployment.gateways[0].event(
      'inference',
      ({ request_id: id }) => id === answer.headers['request-id'],
    );
    expect(recorded).toMatchObject({ outcome: 'complete', output_tokens: 3, input_tokens: 12, stream: true });
  });

  it('ends at the upstream when the client is killed', async () => {
    deployment.upstream.answer = (_request, response) => {
      startStream(response);
      response.write(answerEvents(['x'])[0]);
    };
    const before = deployment.upstream.requests.length;
    const answer = await post({ ...prompt, stream: true });
    await once(answer, 'data');
    const received = await deployment.upstream.request(before);
    answer.destroy();
    await received.closed;
    const recorded = await deployment.gateways[0].event(
      'inference',
      ({ request_id: id }) => id === answer.headers['request-id'],
    );
    expect(recorded).toMatchObject({ outcome: 'client_left' });
  });

  it('looks broken when the upstream is killed: an error event, then an abnormal close', async () => {
    deployment.upstream.answer = (_request, response) => {
      startStream(response);
      response.write(answerEvents(['x']).slice(0, 3).join(''), () => response.socket?.resetAndDestroy());
    };
    const answer = await post({ ...prompt, stream: true });
    const { text, isComplete } = await rest(answer);
    expect(text).toMatch(/event: error\ndata: \{.*"api_error"/);
    expect(isComplete).toBe(false);
  });
});

describe("Anthropic's own SDK with a session token", () => {
  const client = () => new Anthropic({ baseURL: url, authToken: accessToken, apiKey: null, maxRetries: 0 });

  it('creates, streams, counts and lists', async () => {
    expect((await client().messages.create(prompt)).content[0]).toMatchObject({ text: 'hello' });
    deployment.upstream.answer = stream(...answerEvents(['ele', 'phant']));
    expect(await client().messages.stream(prompt).finalText()).toBe('elephant');
    deployment.upstream.answer = json(200, { input_tokens: 7 });
    const counted = await client().messages.countTokens({ model: MODEL, messages: prompt.messages });
    expect(counted.input_tokens).toBe(7);
    const { data } = await client().models.list();
    expect(data.length).toBeGreaterThan(0);
    expect(data.every(({ id }) => id.includes('sonnet'))).toBe(true);
    expect((await client().models.retrieve(data[0]?.id ?? '')).type).toBe('model');
  });

  it('works with the token as its API key too, as SDKs that know only that header send it', async () => {
    const withKey = new Anthropic({
      baseURL: url,
      apiKey: accessToken,
      authToken: null,
      maxRetries: 0,
    });
    expect((await withKey.messages.create(prompt)).type).toBe('message');
  });

  it('gets its own error classes', async () => {
    await expect(client().messages.create({ ...prompt, model: 'claude-opus-4-5' })).rejects.toBeInstanceOf(
      Anthropic.BadRequestError,
    );
    const stranger = new Anthropic({ baseURL: url, authToken: 'nobody', apiKey: null, maxRetries: 0 });
    await expect(stranger.messages.create(prompt)).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
    deployment.upstream.answer = refusal(429, 'rate_limit_error');
    await expect(client().messages.create(prompt)).rejects.toBeInstanceOf(Anthropic.RateLimitError);
    deployment.upstream.answer = refusal(529, 'overloaded_error');
    await expect(client().messages.create(prompt)).rejects.toMatchObject({
      status: 529,
      error: { error: { type: 'overloaded_error' } },
    });
  });
});

describe('the allow-list', () => {
  it.each([
    ['another model', { ...prompt, model: 'claude-opus-4-5' }, /not allowed/],
    [
      'a second model key',
      JSON.stringify(prompt).replace('{', '{"model":"claude-opus-4-5",'),
      /more than one "model"/,
    ],
    [
      'a second model key in disguise',
      JSON.stringify(prompt).replace('{', '{"mod\\u0065l":"claude-opus-4-5",'),
      /more than one "model"/,
    ],
    [
      'no model but one in a nested object',
      { metadata: { model: MODEL }, messages: [] },
      /model is required/,
    ],
  ])('holds against %s', async (_what, body, sentence) => {
    const before = deployment.upstream.requests.length;
    const answer = await post(body);
    expect(answer.statusCode).toBe(400);
    const { text } = await rest(answer);
    expect(JSON.parse(text).error).toMatchObject({
      type: 'invalid_request_error',
      message: expect.stringMatching(sentence),
    });
    expect(deployment.upstream.requests.length).toBe(before);
  });

  it('lets "model" inside a string or a nested object be', async () => {
    const content = 'the "model": "claude-opus-4-5" is mentioned here';
    const answer = await post({ ...prompt, messages: [{ role: 'user', content }], metadata: { model: 'x' } });
    expect(answer.statusCode).toBe(200);
    await rest(answer);
  });

  it('finds the model at the end of a body of ten megabytes', async () => {
    const messages = [{ role: 'user', content: 'kumquat '.repeat(1_250_000) }];
    const { model, ...others } = prompt;
    const allowed = await post({ ...others, messages, model });
    expect(allowed.statusCode).toBe(200);
    await rest(allowed);
    const denied = await post({ ...others, messages, model: 'claude-opus-4-5' });
    expect(denied.statusCode).toBe(400);
    expect((await rest(denied)).text).toContain('not allowed');
  });
});

describe('what is printed and what is kept', () => {
  it('holds no prompt, completion, token or key', () => {
    expectNoLeaks(transcript, [...Object.values(SECRETS), accessToken, refreshToken, 'kumquat', 'elephant']);
  });

  it("does not reach the upstream with the developer's token, and reaches it with the gateway's key", () => {
    const { requests } = deployment.upstream;
    expect(requests.length).toBeGreaterThan(0);
    for (const { headers } of requests) {
      expect(headers['x-api-key']).toBe(SECRETS.upstreamKey);
      expect(JSON.stringify(headers)).not.toContain(accessToken);
    }
  });
});
