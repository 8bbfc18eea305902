import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { type LingerBounds, linger } from '../../../src/gateway/http/linger.ts';
import { openRaw } from '../../support/raw-http.ts';

let server: Server;

afterEach(() => void server.close());

/** A server that answers the first bytes of every connection and lingers. */
async function start(bounds: LingerBounds): Promise<number> {
  server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write('answer');
      linger(socket, bounds);
    });
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Sends without end, and never ends its side by itself. */
async function sendForEver(port: number): Promise<{ text: string }> {
  const connection = await openRaw(port);
  connection.socket.allowHalfOpen = true;
  const piece = Buffer.alloc(64 * 1024);
  const sendOn = () => {
    if (connection.socket.writable) connection.socket.write(piece, (error) => error ?? setImmediate(sendOn));
  };
  sendOn();
  return connection.closed;
}

it('a client that goes on sending has its answer, and is cut after so many bytes', async () => {
  const port = await start({ ms: 3_600_000, bytes: 1024 * 1024 });
  expect((await sendForEver(port)).text).toBe('answer');
});

it('a client that goes on sending is cut after so long', async () => {
  const port = await start({ ms: 50, bytes: Number.POSITIVE_INFINITY });
  expect((await sendForEver(port)).text).toBe('answer');
});

it('a client that ends its side ends the connection', async () => {
  const port = await start({ ms: 3_600_000, bytes: Number.POSITIVE_INFINITY });
  const connection = await openRaw(port);
  connection.send('a request');
  expect(await connection.closed).toEqual({ text: 'answer', isReset: false });
});
