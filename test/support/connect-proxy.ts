import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface Connect {
  /** The target as the client named it. */
  readonly authority: string;
  readonly headers: IncomingHttpHeaders;
}

/** An HTTP proxy for tests. All tunnels end at one local port, wherever the client wanted them to. */
export interface ConnectProxy {
  readonly port: number;
  readonly url: string;
  readonly connects: readonly Connect[];
  /** Requests that came as requests instead of through a tunnel. */
  readonly plainRequests: readonly string[];
  /** What CONNECT to an authority is answered with: 200 unless told; `silence` for nothing at all. */
  answer: (authority: string) => number | 'silence';
  close(): Promise<void>;
}

export async function startConnectProxy(targetPort: number): Promise<ConnectProxy> {
  const connects: Connect[] = [];
  const plainRequests: string[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  };
  const server = createServer((message, response) => {
    plainRequests.push(`${message.method} ${message.url}`);
    response.writeHead(400).end();
  });
  server.on('connection', keep);
  server.on('connect', ({ url = '', headers }, client: Socket) => {
    connects.push({ authority: url, headers });
    const status = proxy.answer(url);
    if (status === 'silence') return;
    if (status < 200 || status > 299) return client.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const target = connect(targetPort, '127.0.0.1', () => {
      client.write(`HTTP/1.1 ${status} Established\r\n\r\n`);
      client.pipe(target).pipe(client);
    });
    keep(target);
    client.once('close', () => target.destroy());
    target.once('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const proxy: ConnectProxy = {
    port,
    url: `http://127.0.0.1:${port}`,
    connects,
    plainRequests,
    answer: () => 200,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}
