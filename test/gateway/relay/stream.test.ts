import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  open,
  openForTest,
  post,
  readAll,
  request,
  type TestGateway,
  type TestGatewayOptions,
} from '../../support/inference-gateway.ts';
import {
  answerEvents,
  event,
  type StandInUpstream,
  startStream,
  stream,
  upstreamForTest,
} from '../../support/upstream.ts';

const streamed = { ...request, stream: true };
const events = answerEvents(['hello', 'world']);
const ERROR_EVENT = /event: error\ndata: (\{.*\})\n\n$/;

let upstream: StandInUpstream;
let gateway: TestGateway;

async function openGateway(options: TestGatewayOptions = {}): Promise<void> {
  gateway = await openForTest([{ name: 'anthropic', url: upstream.url }], options);
}

/** Answers with these bytes and leaves the stream open for the test. */
function halfAStream(bytes: string): Promise<ServerResponse> {
  return new Promise((resolve) => {
    upstream.answer = (_request, response) => {
      startStream(response);
      response.write(bytes, () => resolve(response));
    };
  });
}

beforeEach(async () => {
  upstream = await upstreamForTest();
});

describe('when the upstream breaks off', () => {
  it('between events, the client gets an error event and an abnormal end', async () => {
    await openGateway();
    const begun = events.slice(0, 3).join('');
    const broken = halfAStream(begun);
    const answer = await open(gateway, streamed);
    await once(answer, 'readable');
    (await broken).socket?.resetAndDestroy();
    const got = await readAll(answer);
    expect(got.isComplete).toBe(false);
    expect(got.body.toString().startsWith(begun)).toBe(true);
    const [, data = ''] = ERROR_EVENT.exec(got.body.toString()) ?? [];
    expect(JSON.parse(data)).toEqual({
      type: 'error',
      error: {
        type: 'api_error',
        message:
          'the answer above is incomplete: the upstream broke off in the middle of it; send the request again',
      },
      request_id: got.headers['request-id'],
    });
    expect(await gateway.event()).toMatchObject({ outcome: 'upstream_broke', status: 200, input_tokens: 12 });
    expect(gateway.log.join('\n')).toMatch(/warn upstream anthropic broke off: /);
  });

  it('inside an event, the client gets no event that would be glued to it, and an abnormal end', async () => {
    await openGateway();
    const begun = events.join('').slice(0, 600);
    const broken = halfAStream(begun);
    const answer = await open(gateway, streamed);
    await once(answer, 'readable');
    (await broken).socket?.resetAndDestroy();
    const got = await readAll(answer);
    expect(got.isComplete).toBe(false);
    expect(got.body.toString()).toBe(begun);
  });

  it('with a clean end but no message_stop, it counts as broken', async () => {
    await openGateway();
    const cut = events.slice(0, -1).join('');
    upstream.answer = stream(cut);
    const got = await post(gateway, streamed);
    expect(got.isComplete).toBe(false);
    expect(got.body.toString().startsWith(cut)).toBe(true);
    expect(got.body.toString()).toMatch(ERROR_EVENT);
    expect(await gateway.event()).toMatchObject({ outcome: 'upstream_broke', output_tokens: 2 });
  });

  it('after message_stop, the answer is whole all the same', async () => {
    await openGateway();
    const broken = halfAStream(events.join(''));
    const answer = await open(gateway, streamed);
    await once(answer, 'readable');
    (await broken).socket?.resetAndDestroy();
    const got = await readAll(answer);
    expect(got.body.toString()).toBe(events.join(''));
    expect(got.isComplete).toBe(true);
    expect(await gateway.event()).toMatchObject({ outcome: 'complete' });
  });

  it('with an error event of its own, that event is the last word', async () => {
    await openGateway();
    const bytes = events[0] + event('error', { error: { type: 'overloaded_error', message: 'busy' } });
    upstream.answer = stream(bytes);
    const got = await post(gateway, streamed);
    expect(got.body.toString()).toBe(bytes);
    expect(await gateway.event()).toMatchObject({ outcome: 'upstream_broke' });
  });

  it('by falling silent, it is given up after the idle time', async () => {
    await openGateway({ idleMs: 50 });
    upstream.answer = (_request, response) => {
      startStream(response);
      response.write(events[0]);
    };
    const got = await post(gateway, streamed);
    expect(got.isComplete).toBe(false);
    expect(got.body.toString()).toMatch(ERROR_EVENT);
    await (await upstream.request()).closed;
  });

  it('before the end of its output, what was relayed is estimated', async () => {
    await openGateway();
    upstream.answer = stream(
      answerEvents(['x'.repeat(4_000)])
        .slice(0, 3)
        .join(''),
    );
    await post(gateway, streamed);
    expect(await gateway.event()).toMatchObject({ outcome: 'upstream_broke', output_tokens: 1_000 });
  });
});

describe('when the client leaves', () => {
  it('in the middle of a stream, the upstream request ends and what was used is recorded', async () => {
    await openGateway();
    const begun = halfAStream(events.slice(0, 4).join(''));
    const answer = await open(gateway, streamed);
    await once(answer, 'data');
    await begun;
    answer.destroy();
    await (await upstream.request()).closed;
    expect(await gateway.event()).toMatchObject({
      outcome: 'client_left',
      status: 200,
      input_tokens: 12,
      output_tokens: 3,
    });
  });

  it('before the head, the upstream request ends and no other is begun', async () => {
    await openGateway();
    upstream.answer = () => undefined;
    const leaving = new AbortController();
    const answer = open(gateway, streamed, { signal: leaving.signal }).catch(() => 'left');
    const received = await upstream.request();
    leaving.abort();
    expect(await answer).toBe('left');
    await received.closed;
    expect(await gateway.event()).toMatchObject({ outcome: 'client_left', status: 499, attempts: 1 });
    expect(upstream.requests).toHaveLength(1);
    expect(gateway.log).toEqual([]);
  });

  it('in the middle of an error answer, the story ends all the same', async () => {
    await openGateway();
    const begun = new Promise<void>((resolve) => {
      upstream.answer = (_request, response) => {
        response.writeHead(500, { 'content-type': 'application/json' });
        response.write('{', () => resolve());
      };
    });
    const leaving = new AbortController();
    const answer = open(gateway, request, { signal: leaving.signal }).catch(() => 'left');
    await begun;
    leaving.abort();
    await answer;
    await (await upstream.request()).closed;
    expect(await gateway.event()).toMatchObject({ outcome: 'client_left' });
  });

  it('in the middle of a whole answer, the upstream request ends', async () => {
    await openGateway();
    const begun = new Promise<void>((resolve) => {
      upstream.answer = (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.write('{"id":"msg_1"', () => resolve());
      };
    });
    const leaving = new AbortController();
    const answer = open(gateway, request, { signal: leaving.signal }).catch(() => 'left');
    await begun;
    leaving.abort();
    await answer;
    await (await upstream.request()).closed;
    expect(await gateway.event()).toMatchObject({ outcome: 'client_left', status: 499 });
  });

  it('while its body is still on the way, nothing is asked of the upstream', async () => {
    await openGateway();
    const { port } = new URL(gateway.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(
      'POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"model"',
    );
    await once(socket, 'connect');
    socket.resetAndDestroy();
    expect(await gateway.event()).toMatchObject({ outcome: 'client_left', attempts: 0 });
    expect(upstream.requests).toHaveLength(0);
  });
});

describe('a client that reads slowly', () => {
  it('slows the upstream down, and still gets every byte', async () => {
    await openGateway();
    const delta = event('content_block_delta', {
      index: 0,
      delta: { type: 'text_delta', text: 'x'.repeat(16_000) },
    });
    const total = 4_000;
    let written = 0;
    let stopped: () => void = () => undefined;
    const hasStopped = new Promise<void>((resolve) => {
      stopped = resolve;
    });
    upstream.answer = async (_request, response) => {
      startStream(response);
      response.write(events[0]);
      for (; written < total; written += 1) {
        if (response.write(delta)) continue;
        const drained = once(response, 'drain');
        const quiet = setTimeout(stopped, 300);
        await drained;
        clearTimeout(quiet);
      }
      response.end(events.slice(-2).join(''));
    };
    const answer = await open(gateway, streamed);
    // Nobody reads the answer yet.
    await hasStopped;
    // Buffers of the sockets on the way may hold a few megabytes; the rest has to wait at the upstream.
    expect(written).toBeLessThan(total / 2);
    let size = 0;
    answer.on('data', (chunk: Buffer) => {
      size += chunk.length;
    });
    await once(answer, 'end');
    expect(size).toBe(Buffer.byteLength(events[0] + delta.repeat(total) + events.slice(-2).join('')));
    expect(await gateway.event()).toMatchObject({ outcome: 'complete', output_tokens: 2 });
  });
});

describe('pings', () => {
  const silent = { descriptor: { sendsPings: false } };

  it('keep a silent stream alive when the upstream sends none, between events only', async () => {
    gateway = await openForTest([{ name: 'cloud', url: upstream.url, ...silent }], {
      relay: { pingAfterMs: 20 },
    });
    const half = halfAStream(events.slice(0, 2).join(''));
    const answer = await open(gateway, streamed);
    let text = '';
    const grown = (mark: string) =>
      new Promise<void>((resolve) => {
        const check = (): void => {
          if (!text.includes(mark)) return;
          answer.off('data', check);
          resolve();
        };
        answer.on('data', check);
        check();
      });
    answer.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await grown('event: ping\ndata: {"type":"ping"}\n\nevent: ping');
    const [head = '', tail = ''] = [events[2]?.slice(0, 40), events[2]?.slice(40)];
    const response = await half;
    response.write(head);
    await grown(head);
    // Three times the silence after which a ping would go out between events.
    await new Promise((resolve) => setTimeout(resolve, 60));
    response.end(tail + events.slice(3).join(''));
    await once(answer, 'end');
    expect(text).toContain(head + tail);
    expect(text.replaceAll('event: ping\ndata: {"type":"ping"}\n\n', '')).toBe(events.join(''));
  });

  it('are left to the upstream when it sends its own', async () => {
    await openGateway({ relay: { pingAfterMs: 5 } });
    const half = halfAStream(events[0] ?? '');
    const answer = await open(gateway, streamed);
    await once(answer, 'readable');
    const response = await half;
    await new Promise((resolve) => setTimeout(resolve, 30));
    response.end(events.slice(1).join(''));
    expect((await readAll(answer)).body.toString()).toBe(events.join(''));
  });

  it('keep the wait for the first byte alive once the head is out', async () => {
    gateway = await openForTest([{ name: 'cloud', url: upstream.url, ...silent }], {
      relay: { pingAfterMs: 10, headersHeldMs: 5 },
    });
    let goOn: () => void = () => undefined;
    upstream.answer = async (_request, response) => {
      startStream(response);
      response.flushHeaders();
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      response.end(events.join(''));
    };
    const answer = await open(gateway, streamed);
    const [first] = await once(answer, 'data');
    expect(String(first)).toContain('event: ping');
    goOn();
    await once(answer.resume(), 'end');
    expect(await gateway.event()).toMatchObject({ outcome: 'complete' });
  });
});

describe('many streams at once', () => {
  it('each have a connection of their own, used again afterwards', async () => {
    await openGateway();
    const responses: ServerResponse[] = [];
    const all = new Promise<void>((resolve) => {
      upstream.answer = (_request, response) => {
        startStream(response);
        response.write(events[0]);
        responses.push(response);
        if (responses.length === 300) resolve();
      };
    });
    const answers = Array.from({ length: 300 }, () => post(gateway, streamed));
    await all;
    for (const response of responses) response.end(events.slice(1).join(''));
    const got = await Promise.all(answers);
    expect(got.every(({ isComplete, body }) => isComplete && body.toString() === events.join(''))).toBe(true);
    upstream.answer = stream(events.join(''));
    await post(gateway, streamed);
    expect(upstream.connections).toBe(300);
  });
});
