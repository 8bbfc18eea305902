import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { errorOf, open, post } from '../../../../support/inference-gateway.ts';
import { chunkFrame, exceptionFrame, framesOf } from '../../../../support/stand-ins/bedrock-frames.ts';
import { PRIVATE_WORD } from '../../../../support/stand-ins/stand-in.ts';
import { answerEvents, startUpstream } from '../../../../support/upstream.ts';
import { REQUEST, standUp, type WorldOptions } from './bedrock-world.ts';

const STREAMED = { ...REQUEST, stream: true };
const ANSWER = answerEvents(['Good ', 'morning']);
const FRAMES = framesOf(ANSWER.map((text) => JSON.parse(text.split('data: ')[1] ?? '')));

/** Bedrock answers a stream with these frames and headers, then ends it unless it is to be left open. */
async function answering(
  frames: readonly Buffer[],
  headers: Record<string, string> = { 'content-type': 'application/vnd.amazon.eventstream' },
  options: WorldOptions = {},
) {
  const world = await standUp(options);
  world.upstream.answerAll((_asked, response) => {
    response.writeHead(200, { 'x-amzn-requestid': 'amzn-1', ...headers });
    for (const frame of frames) response.write(frame);
    response.end();
  });
  return world;
}

async function another() {
  const other = await startUpstream();
  onTestFinished(other.close);
  return other;
}

describe('a streamed answer of Bedrock', () => {
  it('is the events that a client of the Messages API expects', async () => {
    const world = await answering(FRAMES);
    const answer = await world.post(STREAMED);
    expect(answer.body.toString()).toBe(ANSWER.join(''));
    expect(answer.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache',
      'x-upstream-request-id': 'amzn-1',
    });
    expect(answer.isComplete).toBe(true);
    expect(await world.gateway.event()).toMatchObject({ outcome: 'complete', output_tokens: 2 });
  });

  it.each([{}, { 'content-type': 'application/octet-stream' }])(
    'is read also where a proxy has changed its headers to %j',
    async (headers) => {
      const world = await answering(FRAMES, headers);
      const answer = await world.post(STREAMED);
      expect(answer.body.toString()).toBe(ANSWER.join(''));
      expect(answer.headers['content-type']).toBe('text/event-stream');
    },
  );

  it('goes through as it is where something between has decoded it', async () => {
    const world = await answering(
      ANSWER.map((text) => Buffer.from(text)),
      {
        'content-type': 'text/event-stream',
      },
    );
    expect((await world.post(STREAMED)).body.toString()).toBe(ANSWER.join(''));
  });

  it('that ends without its last event breaks off, with an error that says so', async () => {
    const world = await answering(FRAMES.slice(0, -1));
    const answer = await world.post(STREAMED);
    expect(answer.isComplete).toBe(false);
    expect(answer.body.toString()).toMatch(
      /event: error\ndata: \{"type":"error","error":\{"type":"api_error"/,
    );
    expect(await world.gateway.event()).toMatchObject({ outcome: 'upstream_broke', output_tokens: 2 });
  });

  it('that is damaged breaks off after what was sound', async () => {
    const damaged = Buffer.from(FRAMES[3] ?? '');
    damaged[damaged.length - 20] = 0;
    const world = await answering([...FRAMES.slice(0, 3), damaged, ...FRAMES.slice(4)]);
    const answer = await world.post(STREAMED);
    expect(answer.isComplete).toBe(false);
    expect(answer.body.toString().startsWith(ANSWER.slice(0, 3).join(''))).toBe(true);
    expect(world.gateway.log.join('\n')).toContain('a frame of its stream has a wrong checksum');
  });

  it('that Bedrock ends with an exception ends with an error event, and the operator reads why', async () => {
    const exception = exceptionFrame('throttlingException', { message: `account ${PRIVATE_WORD}\nis busy` });
    const world = await answering([...FRAMES.slice(0, 3), exception]);
    const answer = await world.post(STREAMED);
    expect(answer.body.toString()).toBe(
      `${ANSWER.slice(0, 3).join('')}event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"upstream rate limit exceeded"}}\n\n`,
    );
    const [line = ''] = world.log.lines.filter((text) => text.includes('throttlingException'));
    expect(line).toMatch(
      /^warn upstream bedrock broke off its stream upstream_request_id=amzn-1, in its own/,
    );
    expect(line).toContain(PRIVATE_WORD);
    expect(line).not.toContain('\n');
  });

  it('that begins with an exception is had from another upstream', async () => {
    const other = await another();
    const exception = exceptionFrame('serviceUnavailableException', { message: PRIVATE_WORD });
    const others = [{ name: 'other', url: other.url }];
    const world = await answering([exception], undefined, { others });
    expect((await world.post(STREAMED)).status).toBe(200);
    expect(other.requests).toHaveLength(1);
    expect(await world.gateway.event()).toMatchObject({ attempts: 2, upstream: 'other' });
  });

  it.each([
    ['throttlingException', 429, 'rate_limit_error', 'upstream rate limit exceeded'],
    ['internalServerException', 502, 'api_error', 'all upstreams failed (1 attempted)'],
  ])('that begins with a %s and nobody else serves is %i', async (exception, status, type, message) => {
    const world = await answering([exceptionFrame(exception, { message: PRIVATE_WORD })]);
    const answer = await world.post(STREAMED);
    expect(answer.status).toBe(status);
    expect(errorOf(answer)).toEqual({ type, message });
    expect(answer.headers['x-upstream-request-id']).toBe(status === 429 ? 'amzn-1' : undefined);
    expect(await world.gateway.event()).toMatchObject({ status, attempts: 1 });
  });

  it('that is an error in an event is relayed as an error', async () => {
    const said = { type: 'overloaded_error', message: `Overloaded, says ${PRIVATE_WORD}` };
    const frame = chunkFrame(JSON.stringify({ type: 'error', error: said }));
    const world = await answering([...FRAMES.slice(0, 3), frame]);
    const answer = await world.post(STREAMED);
    expect(answer.body.toString()).toBe(
      `${ANSWER.slice(0, 3).join('')}event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"upstream overloaded"}}\n\n`,
    );
    expect(world.log.lines.join('\n')).toContain(PRIVATE_WORD);
    expect(await world.gateway.event()).toMatchObject({ outcome: 'upstream_broke' });
  });

  it('is kept alive with pings while Bedrock is silent', async () => {
    const world = await standUp({ gateway: { relay: { pingAfterMs: 20 } } });
    let goOn: () => void = () => undefined;
    world.upstream.answerAll((_asked, response) => {
      response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
      // Half a frame: on the way to the client no event has begun yet.
      response.write(Buffer.concat([...FRAMES.slice(0, 3), FRAMES[3]?.subarray(0, 50) ?? Buffer.alloc(0)]));
      goOn = () => response.end(Buffer.concat(FRAMES.slice(3)).subarray(50));
    });
    const answer = await open(world.gateway, STREAMED);
    let text = '';
    for await (const chunk of answer) {
      text += chunk;
      if (text.includes('event: ping\ndata: {"type":"ping"}\n\n')) goOn();
    }
    expect(text.replaceAll('event: ping\ndata: {"type":"ping"}\n\n', '')).toBe(ANSWER.join(''));
  });

  it('whose client has left is given up', async () => {
    const world = await standUp();
    const closed = new Promise<void>((resolve) => {
      world.upstream.answerAll((_asked, response) => {
        response.once('close', resolve);
        response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
        response.write(Buffer.concat(FRAMES.slice(0, 3)));
      });
    });
    const leaving = new AbortController();
    const answer = await open(world.gateway, STREAMED, { signal: leaving.signal });
    answer.once('error', () => undefined);
    await once(answer, 'data');
    leaving.abort();
    await closed;
    expect(await world.gateway.event()).toMatchObject({ outcome: 'client_left' });
  });
});

describe('a refusal of Bedrock', () => {
  it('of a model that is not there goes to another upstream, and names the model if there is none', async () => {
    const world = await standUp({ model: 'anthropic.claude-sonnet-5' });
    const answer = await world.post();
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toEqual({
      type: 'invalid_request_error',
      message: 'upstream does not serve model claude-sonnet-5',
    });
    const other = await another();
    const more = await standUp({ model: 'no-such', others: [{ name: 'other', url: other.url }] });
    expect((await more.post()).status).toBe(200);
  });

  it('says what clients act on, and nothing of the account', async () => {
    const world = await standUp();
    world.upstream.answer({ kind: 'invalid', message: 'Input is too long for requested model.' });
    expect(errorOf(await world.post()).message).toBe('capability_rejected: prompt_too_long');
  });

  it('of keys that are over is asked again with others only where there are others', async () => {
    const world = await standUp();
    world.account.expire(world.keys);
    const answer = await post(world.gateway, REQUEST);
    expect(answer.status).toBe(502);
    expect(answer.body.toString()).not.toContain(PRIVATE_WORD);
    expect(world.upstream.requests).toHaveLength(1);
  });
});
