import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { Accepted, Reply } from '../../../src/gateway/exchange.ts';
import { route, startListener, type TestListener } from '../../support/listener.ts';
import { answersIn, exchangeRaw, openRaw, type RawConnection } from '../../support/raw-http.ts';

let listener: TestListener | undefined;

afterEach(() => listener?.close());

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const GET_AND_CLOSE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

async function answered(handle: (reply: Reply) => void) {
  listener = await startListener([route((_request, reply) => handle(reply))]);
  const [answer] = answersIn((await exchangeRaw(listener.port, GET_AND_CLOSE)).text);
  return answer;
}

/** A client that has asked and the handler's side of it. */
async function opened(): Promise<{ client: RawConnection; reply: Reply; request: Accepted }> {
  const asked = Promise.withResolvers<{ reply: Reply; request: Accepted }>();
  listener = await startListener([route((request, reply) => asked.resolve({ reply, request }))]);
  const client = await openRaw(listener.port);
  client.send(GET);
  return { client, ...(await asked.promise) };
}

describe('a whole answer', () => {
  it('as JSON is not stored, and says how long it is in bytes', async () => {
    const answer = await answered((reply) => reply.json(201, { a: 'é' }));
    expect(answer).toMatchObject({
      status: 201,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store', 'content-length': '10' },
    });
  });

  it('can say other things about itself', async () => {
    const answer = await answered((reply) =>
      reply.json(200, {}, { 'cache-control': 'private', etag: '"1"', 'x-many': ['a', 'b'] }),
    );
    expect(answer?.headers).toMatchObject({ 'cache-control': 'private', etag: '"1"', 'x-many': 'b' });
  });

  it.each([204, 304])('of status %d has no length', async (status) => {
    const answer = await answered((reply) => reply.send(status, { etag: '"1"' }));
    expect(answer?.status).toBe(status);
    expect(answer?.headers).not.toHaveProperty('content-length');
    expect(answer?.body).toBe('');
  });

  it('is given once: what comes after it is dropped', async () => {
    const answer = await answered((reply) => {
      expect(reply.isStarted()).toBe(false);
      reply.json(200, 'first');
      expect([reply.isStarted(), reply.isOver()]).toEqual([true, true]);
      reply.json(500, 'second');
      reply.send(500, {}, 'third');
      reply.break();
    });
    expect([answer?.status, answer?.body]).toEqual([200, '"first"']);
  });

  it('with a header that HTTP cannot carry is an internal error, not a crash', async () => {
    const answer = await answered((reply) => reply.send(200, { 'x-a': 'b\r\nset-cookie: c' }, 'hello'));
    expect(answer?.status).toBe(500);
    expect(answer?.headers).not.toHaveProperty('set-cookie');
    expect(listener?.log.lines).toEqual([
      expect.stringContaining('Invalid character in header content ["x-a"]'),
    ]);
  });
});

describe('a streamed answer', () => {
  it('arrives piece by piece', async () => {
    const { client, reply } = await opened();
    reply.start(200, { 'content-type': 'text/event-stream' });
    await client.received(/text\/event-stream.*\r\n\r\n$/s);
    expect([reply.isStarted(), reply.isOver()]).toEqual([true, false]);
    reply.write(Buffer.from('one'));
    await client.received(/3\r\none\r\n$/);
    reply.end(Buffer.from('two'));
    await client.received(/3\r\ntwo\r\n0\r\n\r\n$/);
    expect(reply.isOver()).toBe(true);
  });

  it('tells its source when the client is slow, and when it has caught up', async () => {
    const { client, reply } = await opened();
    reply.start(200, { 'content-type': 'text/plain' });
    await client.received(/\r\n\r\n$/);
    client.socket.pause();
    const piece = randomBytes(64 * 1024);
    let written = 0;
    while (reply.write(piece)) {
      written += piece.length;
      expect(written).toBeLessThan(64_000_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const drained = new Promise<void>((resolve) => reply.onDrain(resolve));
    client.socket.resume();
    await drained;
    expect(reply.write(Buffer.from('more'))).toBe(true);
    reply.end();
    await client.received(/4\r\nmore\r\n0\r\n\r\n$/);
  });

  it('that breaks looks broken, after everything that was written', async () => {
    const { client, reply } = await opened();
    reply.start(200, { 'content-type': 'text/plain' });
    const piece = Buffer.alloc(3_000_000, 'x');
    reply.write(piece);
    reply.break();
    expect(reply.isOver()).toBe(true);
    const { text, isReset } = await client.closed;
    expect(text.split('\r\n').at(-2)).toHaveLength(piece.length);
    expect(text).not.toMatch(/0\r\n\r\n$/);
    expect(isReset).toBe(false);
  });

  it('that has broken takes nothing more', async () => {
    const { client, reply } = await opened();
    reply.start(200, { 'content-type': 'text/plain' });
    reply.write(Buffer.from('one'));
    reply.break();
    expect(reply.write(Buffer.from('two'))).toBe(false);
    reply.end(Buffer.from('three'));
    reply.break();
    expect((await client.closed).text).toMatch(/3\r\none\r\n$/);
    expect(listener?.log.lines).toEqual([]);
  });

  it('that breaks before it began leaves the client without any answer', async () => {
    const { client, reply } = await opened();
    reply.break();
    reply.json(200, {});
    expect((await client.closed).text).toBe('');
  });
});

describe('a client that leaves', () => {
  it('is told of once, and what is written afterwards is lost quietly', async () => {
    const { client, reply, request } = await opened();
    reply.start(200, { 'content-type': 'text/plain' });
    await client.received(/\r\n\r\n$/);
    let calls = 0;
    const gone = new Promise<void>((resolve) => {
      request.onGone(() => {
        calls += 1;
        resolve();
      });
    });
    client.socket.resetAndDestroy();
    await gone;
    expect(reply.isOver()).toBe(true);
    reply.write(Buffer.from('late'));
    reply.end();
    reply.break();
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toBe(1);
    expect(listener?.log.lines.filter((line) => !line.startsWith('debug'))).toEqual([]);
  });

  it('after the whole answer is not told of, nor when the listener was taken back', async () => {
    const { client, reply, request } = await opened();
    const calls: string[] = [];
    request.onGone(() => calls.push('kept'));
    const forget = request.onGone(() => calls.push('taken back'));
    reply.json(200, {});
    await client.received(/\{\}$/);
    client.socket.destroy();
    await client.closed;
    expect(calls).toEqual([]);
    await listener?.close();

    const second = await opened();
    const forgetSecond = second.request.onGone(() => calls.push('taken back'));
    const gone = new Promise<void>((resolve) => second.request.onGone(resolve));
    forgetSecond();
    forget();
    second.client.socket.resetAndDestroy();
    await gone;
    expect(calls).toEqual([]);
  });
});
