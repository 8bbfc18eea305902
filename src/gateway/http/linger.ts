import type { Socket } from 'node:net';

export interface LingerBounds {
  readonly ms: number;
  readonly bytes: number;
}

const BOUNDS: LingerBounds = { ms: 5_000, bytes: 64 * 1024 * 1024 };
const LOOK_EVERY_MS = 100;

/**
 * Ends a connection whose client may still be sending: what comes is read into nothing for a while, because a connection
 * that is cut takes the answer with it. Something else has to read the socket already.
 */
export function linger(socket: Socket, { ms, bytes }: LingerBounds = BOUNDS): void {
  const readBefore = socket.bytesRead;
  socket.end();
  const giveUp = setTimeout(() => socket.destroy(), ms);
  const looking = setInterval(() => {
    if (socket.bytesRead - readBefore > bytes) socket.destroy();
  }, LOOK_EVERY_MS);
  giveUp.unref();
  looking.unref();
  socket.once('close', () => {
    clearTimeout(giveUp);
    clearInterval(looking);
  });
}

/** Node cuts a connection after an answer that says `Connection: close`; where `isSending` holds it lingers instead. */
export function lingerInsteadOfCut(socket: Socket, isSending: () => boolean): void {
  const cut = socket.destroySoon;
  socket.destroySoon = () => (isSending() ? linger(socket) : cut.call(socket));
}
