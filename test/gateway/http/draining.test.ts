import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Accepted, Reply } from '../../../src/gateway/exchange.ts';
import { route, startListener, type TestListener } from '../../support/listener.ts';
import { answersIn, exchangeRaw, openRaw } from '../../support/raw-http.ts';
import { createSelfSigned } from '../../support/tls.ts';

const H = 'Host: gateway.test\r\n';
const GET = `GET / HTTP/1.1\r\n${H}\r\n`;
const STREAM = `GET /stream HTTP/1.1\r\n${H}\r\n`;
const never = new AbortController().signal;

let listener: TestListener;
let requests: Accepted[];
let streams: Reply[];

const routes = [
  route((_request, reply) => reply.json(200, {})),
  route(
    (request, reply) => {
      requests.push(request);
      streams.push(reply);
      reply.start(200, { 'content-type': 'text/plain' });
      reply.write(Buffer.from('begun'));
    },
    { path: '/stream' },
  ),
];

beforeEach(async () => {
  requests = [];
  streams = [];
  listener = await startListener(routes);
});

afterEach(() => listener.close());

describe('while draining', () => {
  it('every answer says Connection: close and is the last on its connection', async () => {
    const connection = await openRaw(listener.port);
    connection.send(GET);
    const before = await connection.received(/\{\}$/);
    expect(answersIn(before)[0]?.headers['connection']).toBe('keep-alive');
    listener.server.startDraining();
    expect(listener.server.isDraining).toBe(true);
    connection.send(GET);
    const { text, isReset } = await connection.closed;
    expect(answersIn(text).map(({ headers }) => headers['connection'])).toEqual(['keep-alive', 'close']);
    expect(isReset).toBe(false);
  });

  it('refusals, errors and streams say it, too', async () => {
    listener.server.startDraining();
    const answers = await Promise.all(
      [
        `GET /nowhere HTTP/1.1\r\n${H}\r\n`,
        `POST / HTTP/1.1\r\n${H}Content-Length: 0\r\n\r\n`,
        'NONSENSE\r\n\r\n',
      ].map(async (bytes) => answersIn((await exchangeRaw(listener.port, bytes)).text)[0]),
    );
    expect(answers.map((answer) => answer?.status)).toEqual([404, 405, 400]);
    expect(answers.map((answer) => answer?.headers['connection'])).toEqual(['close', 'close', 'close']);
    const stream = await openRaw(listener.port);
    stream.send(STREAM);
    expect(await stream.received(/begun/)).toMatch(/\r\nconnection: close\r\n/i);
  });
});

describe('open requests', () => {
  it('are counted until their answer is complete or their client has left, those that queue on one connection too', async () => {
    const connection = await openRaw(listener.port);
    connection.send(GET);
    await connection.received(/\{\}$/);
    expect(listener.server.openRequests).toBe(0);
    connection.send(STREAM.repeat(3));
    await connection.received(/begun/);
    expect(listener.server.openRequests).toBe(3);
    const gone = Promise.all(requests.map((request) => new Promise<void>((left) => request.onGone(left))));
    connection.socket.resetAndDestroy();
    await gone;
    expect(listener.server.openRequests).toBe(0);
  });
});

describe('closing', () => {
  it('waits for the answers under way and then lets their connections go', async () => {
    const first = await openRaw(listener.port);
    const second = await openRaw(listener.port);
    first.send(STREAM);
    second.send(STREAM);
    await Promise.all([first.received(/begun/), second.received(/begun/)]);
    expect(listener.server.openRequests).toBe(2);
    let isClosed = false;
    const closed = listener.server.close(never).then(() => {
      isClosed = true;
    });
    streams[0]?.end(Buffer.from('done'));
    await first.received(/done\r\n0\r\n\r\n$/);
    expect(listener.server.openRequests).toBe(1);
    expect(isClosed).toBe(false);
    streams[1]?.end(Buffer.from('done'));
    await closed;
    expect((await first.closed).text).toMatch(/done\r\n0\r\n\r\n$/);
    expect((await second.closed).text).toMatch(/done\r\n0\r\n\r\n$/);
  });

  it('accepts no new connection', async () => {
    const stream = await openRaw(listener.port);
    stream.send(STREAM);
    await stream.received(/begun/);
    const closed = listener.server.close(never);
    await expect(openRaw(listener.port)).rejects.toThrow('ECONNREFUSED');
    streams[0]?.end();
    await closed;
  });

  it('does not wait for connections that ask for nothing', async () => {
    const silent = await openRaw(listener.port);
    const half = await openRaw(listener.port);
    half.send('GET / HT');
    const idle = await openRaw(listener.port);
    idle.send(GET);
    await idle.received(/\{\}$/);
    await listener.server.close(never);
    await Promise.all([silent.closed, half.closed, idle.closed]);
  });

  it('answers a request whose connection was made just before', async () => {
    const late = await openRaw(listener.port);
    late.send('GET / HT');
    const idle = await openRaw(listener.port);
    idle.send(GET);
    await idle.received(/\{\}$/);
    listener.server.startDraining();
    const closed = listener.server.close(never);
    await idle.closed;
    late.send(`TP/1.1\r\n${H}\r\n`);
    const { text, isReset } = await late.closed;
    expect(answersIn(text).map(({ status }) => status)).toEqual([200]);
    expect(isReset).toBe(false);
    await closed;
  });

  it('waits for handlers that outlive their client', async () => {
    const slow = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const other = await startListener([
      route((_request, reply) => {
        reply.start(200, {});
        begun.resolve();
        return slow.promise;
      }),
    ]);
    const connection = await openRaw(other.port);
    connection.send(GET);
    await begun.promise;
    let isClosed = false;
    const closed = other.server.close(AbortSignal.abort()).then(() => {
      isClosed = true;
    });
    await connection.closed;
    await new Promise((resolve) => setImmediate(resolve));
    expect([isClosed, other.server.openRequests]).toEqual([false, 1]);
    slow.resolve();
    await closed;
    expect(other.server.openRequests).toBe(0);
  });

  it('destroys what is left when the signal aborts', async () => {
    const stream = await openRaw(listener.port);
    stream.send(STREAM);
    await stream.received(/begun/);
    const hurry = new AbortController();
    const closed = listener.server.close(hurry.signal);
    hurry.abort();
    await closed;
    expect((await stream.closed).text).not.toMatch(/0\r\n\r\n$/);
    expect(listener.server.openRequests).toBe(0);
    expect(streams[0]?.isOver()).toBe(true);
  });

  it('does not wait for a TLS handshake that never comes', async () => {
    const { cert, key } = createSelfSigned(['DNS:gateway.test']);
    const secure = await startListener(routes, { http: { tls: { cert, key } } });
    const silent = await openRaw(secure.port);
    await secure.server.close(AbortSignal.abort());
    await silent.closed;
  });
});
