import { once } from 'node:events';
import {
  createServer as createPlainServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Leaf } from './tls.ts';

/** What a request said about where it believes to be. */
export interface Seen {
  readonly host: string | undefined;
  /** The name in the TLS hello; undefined without TLS, false when it named none. */
  readonly serverName: string | false | null | undefined;
  readonly path: string;
}

export interface SeeingServer {
  readonly port: number;
  readonly seen: readonly Seen[];
  /** TCP connections so far, with or without a request on them. */
  readonly connections: number;
  close(): Promise<void>;
}

/** Answers 200 `hello`, or 302 to `location` under `/redirect`; over TLS when it has a certificate. */
export async function startSeeingServer(leaf?: Leaf, location = ''): Promise<SeeingServer> {
  const seen: Seen[] = [];
  let connections = 0;
  const answer = (message: IncomingMessage, response: ServerResponse): void => {
    const serverName = message.socket instanceof TLSSocket ? message.socket.servername : undefined;
    seen.push({ host: message.headers.host, serverName, path: message.url ?? '' });
    if (message.url === '/redirect') response.writeHead(302, { location }).end();
    else response.end('hello');
  };
  const server: Server = leaf
    ? createTlsServer({ key: leaf.key, cert: leaf.cert }, answer)
    : createPlainServer(answer);
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    get connections() {
      return connections;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
