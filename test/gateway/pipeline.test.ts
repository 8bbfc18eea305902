import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  errorOf,
  open,
  post,
  request,
  startInferenceGateway,
  type TestGateway,
} from '../support/inference-gateway.ts';
import {
  answerEvents,
  json,
  message,
  type StandInUpstream,
  startStream,
  startUpstream,
  stream,
} from '../support/upstream.ts';

let upstream: StandInUpstream;
let gateway: TestGateway;

beforeEach(async () => {
  upstream = await startUpstream();
  gateway = await startInferenceGateway([{ name: 'anthropic', url: upstream.url }]);
});

afterEach(async () => {
  await gateway.close();
  await upstream.close();
});

describe('a request', () => {
  it('reaches the upstream byte for byte, with its query', async () => {
    const body = Buffer.from(
      '{ "messages":[{"role":"user","content":"h\\u00e9\\n"}],\r\n"model" : "claude-test", "x":1e2 }',
    );
    await post(gateway, body, { path: '/v1/messages?beta=true&x=%20' });
    const received = await upstream.request();
    expect(received.body.equals(body)).toBe(true);
    expect(received.url).toBe('/v1/messages?beta=true&x=%20');
    expect(received.method).toBe('POST');
  });

  it('loses the [1m] mark, and nothing else', async () => {
    await post(gateway, Buffer.from('{"a":"claude-test[1m]","model":"claude-test[1M]","b":2}'));
    expect((await upstream.request()).body.toString()).toBe(
      '{"a":"claude-test[1m]","model":"claude-test","b":2}',
    );
  });

  it('loses its tags and their beta', async () => {
    const body = Buffer.from('{"model":"claude-test","tags":{"team":"core"},"safeguards":{"a":1}}');
    await post(gateway, body, { headers: { 'anthropic-beta': 'a-1, request-tags-2026-08-21,b-2' } });
    const received = await upstream.request();
    expect(JSON.parse(received.body.toString())).toEqual({ model: 'claude-test', safeguards: { a: 1 } });
    expect(received.headers['anthropic-beta']).toBe('a-1,b-2');
  });

  it('may be compressed; it goes on inflated', async () => {
    const plain = Buffer.from(JSON.stringify(request));
    await post(gateway, gzipSync(plain), { headers: { 'content-encoding': 'gzip' } });
    const received = await upstream.request();
    expect(received.body.equals(plain)).toBe(true);
    expect(received.headers['content-encoding']).toBeUndefined();
    expect(received.headers['content-length']).toBe(String(plain.length));
  });

  it('with a 10 MB body and the model last is judged by that model', async () => {
    const filler = 'x"\\\n'.repeat(2_000_000);
    const head = JSON.stringify({ messages: [{ role: 'user', content: `"model":"claude-test" ${filler}` }] });
    const body = Buffer.from(`${head.slice(0, -1)},"model":"forbidden-model"}`);
    expect(body.length).toBeGreaterThan(10_000_000);
    const refused = await post(gateway, body);
    expect(refused.status).toBe(400);
    expect(errorOf(refused).message).toContain('forbidden-model');
    const allowed = Buffer.from(`${head.slice(0, -1)},"model":"claude-test"}`);
    expect((await post(gateway, allowed)).status).toBe(200);
    expect(upstream.requests).toHaveLength(1);
    expect(upstream.requests[0]?.body.equals(allowed)).toBe(true);
  });

  it.each([
    ['{"model":"claude-test","model":"forbidden-model"}', 'request body has more than one "model"'],
    ['{"model":"claude-test","mod\\u0065l":"forbidden-model"}', 'request body has more than one "model"'],
    ['{"messages":[{"model":"claude-test"}]}', 'model is required'],
    ['{"model":""}', 'model is required'],
    ['{"model":7}', 'model must be a string'],
    ['["model"]', 'request body must be a JSON object'],
    ['{"model":"claude-test"', 'request body must be a JSON object'],
  ])('with the body %s is refused and reaches no upstream', async (body, sentence) => {
    const answer = await post(gateway, Buffer.from(body));
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toEqual({ type: 'invalid_request_error', message: sentence });
    expect(upstream.requests).toHaveLength(0);
    expect(await gateway.event()).toMatchObject({ outcome: 'refused', status: 400, attempts: 0 });
  });

  it('above the size limit is refused before it is read', async () => {
    const small = await startInferenceGateway([{ name: 'a', url: upstream.url }], { maxBytes: 1000 });
    const answer = await post(small, { ...request, filler: 'x'.repeat(2000) });
    expect(answer.status).toBe(413);
    expect(errorOf(answer).type).toBe('request_too_large');
    expect(await small.event()).toMatchObject({ outcome: 'refused', status: 413 });
    await small.close();
  });
});

describe('an answer', () => {
  it("as JSON comes back unchanged, with the gateway's own request id beside the upstream's", async () => {
    const text = '{"id" : "msg_1",\n "usage":{"input_tokens":1,"output_tokens":2}, "content":[]}';
    upstream.answer = (_request, response) => {
      response.writeHead(200, {
        'content-type': 'application/json; charset=utf-8',
        'request-id': 'req_upstream',
        'anthropic-organization-id': 'org',
        'anthropic-ratelimit-requests-limit': '5',
        'set-cookie': 'a=b',
        server: 'banner',
        via: '1.1 proxy',
      });
      response.end(text);
    };
    const answer = await post(gateway, request);
    expect(answer.body.toString()).toBe(text);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.headers['x-upstream-request-id']).toBe('req_upstream');
    expect(answer.headers['request-id']).toMatch(/^req_[0-9A-Za-z]{24}$/);
    const names = Object.keys(answer.headers).sort();
    expect(names).toEqual([
      'cache-control',
      'connection',
      'content-length',
      'content-type',
      'date',
      'request-id',
      'x-upstream-request-id',
    ]);
  });

  it('as a stream comes back byte for byte', async () => {
    const bytes = answerEvents(['hello', ' wörld', '\n\nevent: message_stop\n\n']).join('');
    upstream.answer = stream(bytes.slice(0, 90), bytes.slice(90, 333), bytes.slice(333));
    const answer = await post(gateway, { ...request, stream: true });
    expect(answer.body.toString()).toBe(bytes);
    expect(answer.isComplete).toBe(true);
    expect(answer.headers['content-type']).toBe('text/event-stream');
    expect(answer.headers['x-accel-buffering']).toBe('no');
  });

  it('streams its first event while the upstream is still sending', async () => {
    const [first = '', ...rest] = answerEvents(['a', 'b']);
    let goOn: () => void = () => undefined;
    upstream.answer = async (_request, response) => {
      startStream(response);
      response.write(first);
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      response.end(rest.join(''));
    };
    const answer = await open(gateway, { ...request, stream: true });
    const [chunk] = await once(answer, 'data');
    expect(String(chunk)).toBe(first);
    expect(gateway.events).toHaveLength(0);
    goOn();
    let remainder = '';
    answer.on('data', (more: Buffer) => {
      remainder += more.toString();
    });
    await once(answer, 'end');
    expect(remainder).toBe(rest.join(''));
  });

  it('without a content type counts as the stream that was asked for', async () => {
    const bytes = answerEvents(['a']).join('');
    upstream.answer = (_request, response) => {
      response.writeHead(200);
      response.end(bytes);
    };
    const answer = await post(gateway, { ...request, stream: true });
    expect(answer.headers['content-type']).toBe('text/event-stream');
    expect(answer.body.toString()).toBe(bytes);
    expect(await gateway.event()).toMatchObject({ outcome: 'complete', output_tokens: 1 });
  });

  it('that is empty is passed on empty', async () => {
    upstream.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end();
    };
    const answer = await post(gateway, request);
    expect(answer.status).toBe(200);
    expect(answer.body).toHaveLength(0);
  });

  it('of count_tokens comes from the endpoint of that name', async () => {
    upstream.answer = json(200, { input_tokens: 42 });
    const answer = await post(
      gateway,
      { ...request, stream: true },
      { path: '/v1/messages/count_tokens?beta=true' },
    );
    expect(JSON.parse(answer.body.toString())).toEqual({ input_tokens: 42 });
    expect((await upstream.request()).url).toBe('/v1/messages/count_tokens?beta=true');
    expect(await gateway.event()).toMatchObject({ endpoint: 'count_tokens', outcome: 'complete' });
  });
});

describe('the audit event', () => {
  it('tells who asked what, who served it and how it went', async () => {
    upstream.answer = message();
    const answer = await post(gateway, request, {
      headers: {
        'x-claude-code-session-id': 'session-1',
        'x-claude-code-request-class': 'subagent',
        'x-claude-code-agent-type': 'reviewer',
      },
    });
    expect(answer.status).toBe(200);
    const event = await gateway.event();
    expect(event).toEqual({
      sub: 'dev-1',
      email: 'dev@example.test',
      client_ip: '127.0.0.1',
      session_id: 'session-1',
      endpoint: 'messages',
      model: 'claude-test',
      upstream: 'anthropic',
      upstream_model: 'claude-test',
      attempts: 1,
      status: 200,
      stream: false,
      outcome: 'complete',
      input_tokens: 12,
      output_tokens: 3,
      cache_read_tokens: 4,
      cache_write_tokens: 5,
      request_class: 'subagent',
      agent_type: 'reviewer',
      ttfb_ms: expect.any(Number),
      duration_ms: expect.any(Number),
      upstream_request_id: 'req_upstream',
    });
  });

  it('has the usage of a stream: the start with what the last message_delta says', async () => {
    upstream.answer = stream(answerEvents(['a', 'b', 'c'], 77).join(''));
    await post(gateway, { ...request, stream: true });
    expect(await gateway.event()).toMatchObject({
      stream: true,
      input_tokens: 12,
      output_tokens: 77,
      cache_read_tokens: 4,
      cache_write_tokens: 5,
    });
  });

  it('is written once for each request, also for refused ones', async () => {
    await post(gateway, { ...request, model: 'forbidden-model' });
    await post(gateway, request);
    expect(gateway.events.map(({ outcome }) => outcome)).toEqual(['refused', 'complete']);
    expect(gateway.events[0]).toMatchObject({ model: 'forbidden-model', status: 400 });
  });

  it('holds no more of a model’s name than a name is long', async () => {
    await post(gateway, { ...request, model: `claude-test${'x'.repeat(10_000)}` });
    const { model, upstream_model: sent } = await gateway.event();
    const start = `claude-test${'x'.repeat(189)}`;
    expect({ model, sent }).toEqual({ model: start, sent: start });
  });

  it.each(['x'.repeat(201), 'say "hello"', 'why? because', 'a\tb', 'caf\u00e9'])(
    'leaves out hints that are no names: %j',
    async (words) => {
      await post(gateway, request, { headers: { 'x-claude-code-agent-type': words } });
      expect((await gateway.event())['agent_type']).toBeUndefined();
    },
  );

  it('takes hints that are', async () => {
    const name = 'house/plugin:code-reviewer v1.2@main';
    await post(gateway, request, { headers: { 'x-claude-code-agent-type': name } });
    expect((await gateway.event())['agent_type']).toBe(name);
  });
});
