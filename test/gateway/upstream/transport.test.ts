import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { buildConnector } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import type { TransportAnswer } from '../../../src/gateway/upstream/provider.ts';
import { WHOLE_ANSWER } from '../../../src/gateway/upstream/timeouts.ts';
import { createTransport, type Transport } from '../../../src/gateway/upstream/transport.ts';

const request = {
  path: '/v1/messages',
  headers: ['content-type', 'application/json'],
  body: Buffer.from('{}'),
};
const here = new AbortController().signal;
const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A server that speaks bytes; the transport to it. */
async function open(
  onSocket: (socket: Socket) => void,
  connect: buildConnector.connector = buildConnector({}),
): Promise<Transport> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket);
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  const transport = createTransport({
    origin: `http://127.0.0.1:${address.port}`,
    connect,
    idleTimeoutMs: 60_000,
  });
  closers.push(async () => {
    await transport.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return transport;
}

const answering = (bytes: string) => (socket: Socket) => {
  socket.once('data', () => socket.write(bytes));
};

function text(answer: TransportAnswer): Promise<string> {
  return new Promise((resolve, reject) => {
    let all = '';
    answer.flow({
      chunk: (bytes) => {
        all += bytes.toString();
      },
      end: () => resolve(all),
      fail: reject,
    });
  });
}

describe('the transport', () => {
  it('gives up at once when the client leaves while the connection is being made', async () => {
    let connecting: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      connecting = resolve;
    });
    const never: buildConnector.connector = () => connecting();
    const transport = await open(() => undefined, never);
    const leaving = new AbortController();
    const answer = transport.send(request, WHOLE_ANSWER, leaving.signal);
    await begun;
    leaving.abort();
    await expect(answer).rejects.toThrow('aborted');
  });

  it('sends nothing for a client that has left already', async () => {
    let connections = 0;
    const transport = await open(() => {
      connections += 1;
    });
    await expect(transport.send(request, WHOLE_ANSWER, AbortSignal.abort())).rejects.toThrow('aborted');
    expect(connections).toBe(0);
  });

  it('sends nothing when the client leaves before the connection is there', async () => {
    let letThrough: () => void = () => undefined;
    const real = buildConnector({});
    const late: buildConnector.connector = (options, callback) => {
      letThrough = () => real(options, callback);
    };
    let received = 0;
    const closed: Promise<unknown>[] = [];
    const transport = await open((socket) => {
      socket.on('data', (bytes) => {
        received += bytes.length;
      });
      closed.push(once(socket, 'close'));
    }, late);
    const leaving = new AbortController();
    const answer = transport.send(request, WHOLE_ANSWER, leaving.signal).catch(() => 'gone');
    await new Promise(setImmediate);
    leaving.abort();
    expect(await answer).toBe('gone');
    letThrough();
    await transport.close();
    await Promise.all(closed);
    expect(received).toBe(0);
  });

  it('keeps what arrives before anybody wants it, and how it ended', async () => {
    const transport = await open(answering('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'));
    const answer = await transport.send(request, WHOLE_ANSWER, here);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await text(answer)).toBe('hello');
  });

  it('keeps only so much of it: the upstream has to wait', async () => {
    const size = 64 * 1024 * 1024;
    let flushed = 0;
    const transport = await open((socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
        const piece = Buffer.alloc(1024 * 1024, 0x61);
        const more = (): void => {
          if (flushed === size) return;
          socket.write(piece, () => {
            flushed += piece.length;
            more();
          });
        };
        more();
      });
    });
    const answer = await transport.send(request, WHOLE_ANSWER, here);
    let before = -1;
    while (before !== flushed) {
      before = flushed;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(flushed).toBeLessThan(size / 2);
    expect((await text(answer)).length).toBe(size);
  });

  it('stays paused when the sink pauses while it is given what waited', async () => {
    const size = 8 * 1024 * 1024;
    const transport = await open((socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
        socket.write(Buffer.alloc(size, 0x61));
      });
    });
    const answer = await transport.send(request, WHOLE_ANSWER, here);
    await new Promise((resolve) => setTimeout(resolve, 50));
    let got = 0;
    const ended = new Promise<void>((resolve, reject) => {
      answer.flow({
        chunk(bytes) {
          if (got === 0) answer.pause();
          got += bytes.length;
        },
        end: resolve,
        fail: reject,
      });
    });
    const atOnce = got;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(got - atOnce).toBeLessThanOrEqual(64 * 1024);
    answer.resume();
    await ended;
    expect(got).toBe(size);
  });

  it('tells apart what had no connection from what lost one', async () => {
    const failureOf = (transport: Transport) =>
      transport.send(request, WHOLE_ANSWER, here).then(
        () => undefined,
        (error: unknown) => error,
      );
    const refused: buildConnector.connector = (_options, callback) => callback(new Error('judged'), null);
    const unreached = await open(() => undefined, refused);
    expect(unreached.isUnreached(await failureOf(unreached))).toBe(true);
    const cut = await open((socket) => void socket.once('data', () => socket.destroy()));
    expect(cut.isUnreached(await failureOf(cut))).toBe(false);
  });

  it('says once that a request is over, however it ends', async () => {
    const ended: string[] = [];
    const whole = await open(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
    const answer = await whole.send(request, WHOLE_ANSWER, here, () => ended.push('whole'));
    expect(await text(answer)).toBe('ok');
    answer.abort();
    expect(ended).toEqual(['whole']);
    const cut = await open((socket) => void socket.once('data', () => socket.destroy()));
    await expect(cut.send(request, WHOLE_ANSWER, here, () => ended.push('cut'))).rejects.toThrow();
    const silent = await open(() => undefined);
    const gone = AbortSignal.abort();
    await expect(silent.send(request, WHOLE_ANSWER, gone, () => ended.push('gone'))).rejects.toThrow();
    expect(ended).toEqual(['whole', 'cut', 'gone']);
  });

  it('passes over informational answers', async () => {
    const transport = await open(
      answering(
        'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
      ),
    );
    const answer = await transport.send(request, WHOLE_ANSWER, here);
    expect(answer.status).toBe(200);
    expect(await text(answer)).toBe('ok');
  });

  it('tells a sink that is named later that the answer broke off', async () => {
    const transport = await open((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello', () => socket.destroy());
      });
    });
    const answer = await transport.send(request, WHOLE_ANSWER, here);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(text(answer)).rejects.toThrow();
  });

  it('refuses a head larger than it wants to hold', async () => {
    const transport = await open(
      answering(`HTTP/1.1 200 OK\r\n${`x-filler: ${'a'.repeat(1_000)}\r\n`.repeat(100)}\r\n`),
    );
    await expect(transport.send(request, WHOLE_ANSWER, here)).rejects.toThrow();
  });
});
