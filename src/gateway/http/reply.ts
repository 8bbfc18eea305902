import type { ServerResponse } from 'node:http';
import type { Reply, ReplyHeaders } from '../exchange.ts';

/** Headers that every answer of this listener carries besides its own. */
export interface StandingHeaders {
  readonly requestId: string;
  readonly isDraining: () => boolean;
  readonly strictTransportSecurity: boolean;
}

/** Wraps a response. The router relies on `isStarted` to decide between an error answer and a broken one. */
export function createReply(response: ServerResponse, standing: StandingHeaders): Reply {
  let isBroken = false;

  const head = (status: number, headers: ReplyHeaders): void => {
    const all: Record<string, string | readonly string[]> = { 'request-id': standing.requestId };
    if (standing.isDraining()) all['connection'] = 'close';
    if (standing.strictTransportSecurity) all['strict-transport-security'] = 'max-age=31536000';
    response.writeHead(status, Object.assign(all, headers) as Record<string, string | string[]>);
  };

  const whole = (status: number, headers: ReplyHeaders, body: string | Uint8Array | undefined): void => {
    if (response.headersSent || isBroken) return;
    const length =
      body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
    head(
      status,
      status === 204 || status === 304 ? headers : { 'content-length': String(length), ...headers },
    );
    response.end(body);
  };

  return {
    isStarted() {
      return response.headersSent;
    },
    isOver() {
      return isBroken || response.writableEnded || response.destroyed;
    },
    json(status, body, headers) {
      whole(
        status,
        { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
        JSON.stringify(body),
      );
    },
    send: whole,
    start(status, headers) {
      head(status, headers);
      // Corked for this turn of the event loop, so that a first chunk at hand leaves together with the head.
      const { socket } = response;
      socket?.cork();
      response.flushHeaders();
      if (socket) process.nextTick(() => socket.uncork());
    },
    write: (chunk) => !isBroken && response.write(chunk),
    onDrain(callback) {
      response.once('drain', callback);
    },
    end(lastChunk) {
      if (!isBroken) response.end(lastChunk);
    },
    break() {
      if (isBroken || response.writableEnded) return;
      isBroken = true;
      // Ends the connection after what was written, without the last chunk: the client sees that the answer is incomplete.
      const socket = response.socket;
      if (socket) socket.destroySoon();
      else response.destroy();
    },
  };
}
