import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface Exported {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Answers an export that has arrived whole. */
export type CollectorAnswer = (response: ServerResponse, exported: Exported) => void;

/** A receiver of OTLP over HTTP. */
export interface Collector {
  readonly url: string;
  /** All that was asked, whatever the answer. */
  readonly asked: readonly Exported[];
  /** What was answered with 200. */
  readonly taken: readonly Exported[];
  answer: CollectorAnswer;
  /** Resolves when so many have been asked or taken in all. */
  hasBeenAsked(count: number): Promise<void>;
  hasTaken(count: number): Promise<void>;
  /** Connections opened so far. */
  readonly connections: number;
  close(): Promise<void>;
}

export const take: CollectorAnswer = (response, { headers }) => {
  const contentType = headers['content-type'] ?? '';
  response.writeHead(200, { 'content-type': contentType });
  response.end(contentType === 'application/json' ? '{}' : undefined);
};

export function refuse(status: number, headers: Readonly<Record<string, string>> = {}): CollectorAnswer {
  return (response) => void response.writeHead(status, headers).end('words of the collector');
}

export const hangUp: CollectorAnswer = (response) => void response.socket?.resetAndDestroy();

export async function startCollector(): Promise<Collector> {
  const asked: Exported[] = [];
  const taken: Exported[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let waiting: (() => void)[] = [];
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const tell = (): void => {
    const told = waiting;
    waiting = [];
    for (const wake of told) wake();
  };
  const server = createServer(async (message, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk);
    const exported = { path: message.url ?? '', headers: message.headers, body: Buffer.concat(chunks) };
    asked.push(exported);
    response.once('finish', () => {
      if (response.statusCode === 200) taken.push(exported);
      tell();
    });
    collector.answer(response, exported);
    tell();
  });
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const collector: Collector = {
    url: `http://127.0.0.1:${port}`,
    asked,
    taken,
    answer: take,
    hasBeenAsked: (count) => until(() => asked.length >= count),
    hasTaken: (count) => until(() => taken.length >= count),
    get connections() {
      return connections;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
  return collector;
}
