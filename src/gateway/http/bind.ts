import type { AddressInfo, Server } from 'node:net';
import { CodedError } from '../../kernel/coded-error.ts';

/** Listens and resolves with the bound port. Throws CodedError `address_in_use` that says why not and what to do. */
export function bind(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<{ readonly port: number }> {
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      reject(new CodedError('address_in_use', { detail: whyNotBound(cause, `${host}:${port}`), cause }));
    };
    server.once('error', failed);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', failed);
      resolve({ port: (server.address() as AddressInfo).port });
    });
  });
}

function whyNotBound({ code, message }: NodeJS.ErrnoException, address: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return `listen.port: ${address} is in use by another process; choose another port or stop it`;
    case 'EACCES':
      return `listen.port: this user may not bind ${address} (EACCES); choose a port above 1023, or give the process CAP_NET_BIND_SERVICE`;
    default:
      return `listen.host: cannot bind ${address} (${code ?? message}); name an address of this machine, or 0.0.0.0 or :: for all of them`;
  }
}
