import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Leaf } from '../support/tls.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly form: URLSearchParams;
}

export type Handler = (request: SeenRequest, response: ServerResponse) => void | Promise<void>;

/** A server that says what a test wants it to say, and counts what it is sent. */
export interface StandIn {
  readonly port: number;
  readonly origin: string;
  readonly seen: readonly SeenRequest[];
  /** Connections made, also those that ended before a request. */
  connections(): number;
  /** Bytes that arrived inside TLS (or on the plain connection). */
  applicationBytes(): number;
  /** Presents another certificate from the next connection on. */
  present(leaf: Leaf): void;
  close(): Promise<void>;
}

export interface StandInOptions {
  readonly tls?: Leaf;
  /** `METHOD /path` (without the query) to handler; what is missing is answered 404. */
  readonly routes?: Readonly<Record<string, Handler>>;
  /** Takes requests unread, instead of `routes`. */
  readonly raw?: (request: IncomingMessage, response: ServerResponse) => void;
}

export async function startStandIn({ tls, routes = {}, raw }: StandInOptions): Promise<StandIn> {
  const seen: SeenRequest[] = [];
  let connections = 0;
  let applicationBytes = 0;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const { method = '', url = '', headers } = request;
    const record = { method, url, headers, body, form: new URLSearchParams(body) };
    seen.push(record);
    const handler = routes[`${method} ${url.split('?')[0]}`];
    if (handler) await handler(record, response);
    else json(response, 404, { error: 'not_found' });
  }

  const listener = (request: IncomingMessage, response: ServerResponse) => {
    if (raw) return raw(request, response);
    handle(request, response).catch(() => response.destroy());
  };
  const server = tls
    ? createHttpsServer({ key: tls.key, cert: tls.cert }, listener)
    : createHttpServer(listener);
  server.on('connection', () => {
    connections += 1;
  });
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    socket.on('data', (data) => {
      applicationBytes += data.length;
    });
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: tls ? `https://gateway.example.test:${port}` : `http://127.0.0.1:${port}`,
    seen,
    connections: () => connections,
    applicationBytes: () => applicationBytes,
    present: (leaf) => {
      if ('setSecureContext' in server) server.setSecureContext({ key: leaf.key, cert: leaf.cert });
      server.closeIdleConnections();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
