import { isIP, type LookupFunction, connect as netConnect, type Socket } from 'node:net';
import { type SecureContext, type TLSSocket, connect as tlsConnect } from 'node:tls';

/** Node's own quarter of a second is less than a handshake takes over a slow VPN. */
const ATTEMPT_TIMEOUT_MS = 2_000;

/** Connects to the first of the given addresses that answers. No resolver is asked: the addresses were judged. */
export function connectTcp(addresses: readonly string[], port: number, timeoutMs: number): Promise<Socket> {
  const socket = netConnect({
    host: 'judged.invalid',
    port,
    lookup: answerWith(addresses),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
    noDelay: true,
    keepAlive: true,
  });
  return untilReady(socket, 'connect', timeoutMs);
}

/** Speaks TLS over a connection, verifying the chain and that the certificate is for `hostname`; 1.2 at least. */
export function secureTls(
  transport: Socket,
  hostname: string,
  secureContext: SecureContext,
  timeoutMs: number,
): Promise<TLSSocket> {
  const isName = isIP(hostname) === 0;
  const socket = tlsConnect({
    socket: transport,
    host: hostname,
    ...(isName ? { servername: hostname } : {}),
    secureContext,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
  });
  transport.on('error', (error) => socket.destroy(error));
  return untilReady(socket, 'secureConnect', timeoutMs);
}

/** Resolves when the socket emits `event`; gives it up when it fails or takes too long. */
function untilReady<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  timeoutMs: number,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      clearTimeout(timer);
      socket.off('error', fail).off('close', closed).off(event, ready);
    };
    const ready = () => {
      settle();
      resolve(socket);
    };
    const fail = (error: Error) => {
      settle();
      // Later errors of a socket that was given up have nobody to tell.
      socket.on('error', () => undefined).destroy();
      reject(error);
    };
    const closed = () => fail(failure('ECONNRESET', 'closed before it was ready'));
    const timer = setTimeout(() => fail(failure('ETIMEDOUT', 'no connection in time')), timeoutMs);
    socket.once('error', fail).once('close', closed).once(event, ready);
  });
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

function answerWith(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, options, callback) => {
    const [first] = all;
    if (options.all) callback(null, all);
    else callback(null, first?.address ?? '', first?.family ?? 0);
  };
}
