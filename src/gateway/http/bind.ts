import type { AddressInfo, Server } from 'node:net';
import { CodedError } from '../../kernel/coded-error.ts';

const LISTEN_KEYS = { host: 'listen.host', port: 'listen.port' };

/**
 * Listens and resolves with the bound port. Throws CodedError `address_in_use` that says why not and what to do, with the
 * configuration's keys for host and port.
 */
export function bind(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
  keys: typeof LISTEN_KEYS = LISTEN_KEYS,
): Promise<{ readonly port: number }> {
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      reject(
        new CodedError('address_in_use', { detail: whyNotBound(cause, `${host}:${port}`, keys), cause }),
      );
    };
    server.once('error', failed);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', failed);
      resolve({ port: (server.address() as AddressInfo).port });
    });
  });
}

function whyNotBound(
  { code, message }: NodeJS.ErrnoException,
  address: string,
  keys: typeof LISTEN_KEYS,
): string {
  switch (code) {
    case 'EADDRINUSE':
      return `${keys.port}: ${address} is in use by another process; choose another port or stop it`;
    case 'EACCES':
      return `${keys.port}: this user may not bind ${address} (EACCES); choose a port above 1023, or give the process CAP_NET_BIND_SERVICE`;
    default:
      return `${keys.host}: cannot bind ${address} (${code ?? message}); name an address of this machine, or 0.0.0.0 or :: for all of them`;
  }
}
