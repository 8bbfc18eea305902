import { request as httpRequest } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { CodedError } from '../kernel/coded-error.ts';
import { connectTcp, secureTls } from './open-socket.ts';
import type { HttpProxy } from './proxy.ts';

/** A proxy whose own addresses were judged. */
export interface CheckedProxy extends HttpProxy {
  readonly addresses: readonly string[];
  readonly secureContext: () => SecureContext;
}

/** Where a tunnel ends: a judged address, so that the proxy resolves nothing. */
export interface TunnelTarget {
  readonly address: string;
  readonly port: number;
}

/** Opens a tunnel with CONNECT (RFC 9110 section 9.3.6). Throws `gateway_unreachable` when the proxy refuses. */
export async function openTunnel(
  proxy: CheckedProxy,
  target: TunnelTarget,
  timeoutMs: number,
): Promise<Socket> {
  try {
    const transport = await connectTcp(proxy.addresses, proxy.port, timeoutMs);
    const socket = proxy.isHttps
      ? await secureTls(transport, proxy.hostname, proxy.secureContext(), timeoutMs)
      : transport;
    return await connect(socket, proxy, target, timeoutMs);
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    throw refused(proxy, 'cannot be reached', cause);
  }
}

function connect(socket: Socket, proxy: CheckedProxy, target: TunnelTarget, timeoutMs: number) {
  const authority = `${isIP(target.address) === 6 ? `[${target.address}]` : target.address}:${target.port}`;
  const request = httpRequest({
    createConnection: () => socket,
    method: 'CONNECT',
    path: authority,
    signal: AbortSignal.timeout(timeoutMs),
    headers: {
      host: authority,
      ...(proxy.authorization ? { 'proxy-authorization': proxy.authorization } : {}),
    },
  });
  return new Promise<Socket>((resolve, reject) => {
    const refuse = (status: number | undefined) => {
      socket.destroy();
      reject(refused(proxy, `answered ${status} to CONNECT`));
    };
    request.once('connect', ({ statusCode = 0 }, _socket, head) => {
      // A gateway speaks second: bytes that come first are not its own.
      const isOpen = statusCode >= 200 && statusCode < 300 && head.length === 0;
      if (isOpen) resolve(socket);
      else refuse(statusCode);
    });
    request.once('response', ({ statusCode }) => refuse(statusCode));
    request.once('error', reject);
    request.end();
  });
}

function refused({ label }: HttpProxy, what: string, cause?: unknown): CodedError {
  return new CodedError('gateway_unreachable', {
    facts: { gateway: 'the gateway', reason: `the proxy ${label} ${what}` },
    cause,
  });
}
