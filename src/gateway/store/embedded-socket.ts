import { Duplex } from 'node:stream';

/** First byte of the messages that end a batch: Sync, Query, password, function call, copy and Flush. */
const ENDS_BATCH = new Set([...'SQpFcfH'].map((letter) => letter.charCodeAt(0)));
const TERMINATE = 'X'.charCodeAt(0);
const HEADER_BYTES = 5;
const STARTUP_HEADER_BYTES = 8;
const SSL_REQUEST = 80877103;

/**
 * A connection for the `postgres` driver without a network: cuts what the driver writes into batches of whole messages
 * (PostgreSQL manual, "Frontend/Backend Protocol") and hands them on.
 */
export function createEmbeddedSocket(handlers: {
  batch(bytes: Buffer): void;
  hangUp(): void;
}): Duplex & { receive(bytes: Uint8Array): void } {
  let rest: Buffer = Buffer.alloc(0);
  let batch: Buffer[] = [];
  let hasStarted = false;

  /** The next whole message, or undefined until more has come. */
  const nextMessage = (): Buffer | undefined => {
    const header = hasStarted ? HEADER_BYTES : STARTUP_HEADER_BYTES;
    if (rest.length < header) return undefined;
    const length = hasStarted ? rest.readInt32BE(1) + 1 : rest.readInt32BE(0);
    if (rest.length < length) return undefined;
    const message = rest.subarray(0, length);
    rest = rest.subarray(length);
    return message;
  };

  const take = (message: Buffer, socket: Duplex): void => {
    if (!hasStarted) {
      // No TLS inside a process.
      if (message.readInt32BE(4) === SSL_REQUEST) {
        socket.push('N');
        return;
      }
      hasStarted = true;
      handlers.batch(message);
      return;
    }
    const type = message[0] ?? 0;
    if (type === TERMINATE) {
      socket.destroy();
      return;
    }
    batch.push(message);
    if (!ENDS_BATCH.has(type)) return;
    handlers.batch(Buffer.concat(batch));
    batch = [];
  };

  const socket = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
      for (let message = nextMessage(); message; message = nextMessage()) take(message, socket);
      done();
    },
    destroy(error, done) {
      handlers.hangUp();
      done(error);
    },
  });
  // What the driver expects of a network socket.
  return Object.assign(socket, {
    readyState: 'open',
    setKeepAlive: () => socket,
    setNoDelay: () => socket,
    ref: () => socket,
    unref: () => socket,
    receive(bytes: Uint8Array) {
      if (!socket.destroyed) socket.push(bytes);
    },
  });
}
