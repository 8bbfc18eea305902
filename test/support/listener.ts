import type { Accepted, Reply } from '../../src/gateway/exchange.ts';
import { createRouter, type Route } from '../../src/gateway/http/router.ts';
import {
  createHttpServer,
  type HttpServer,
  type HttpServerOptions,
  type HttpServerParts,
} from '../../src/gateway/http/server.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createMemoryLog, type MemoryLog } from './memory-log.ts';

export interface TestListener {
  readonly port: number;
  readonly url: string;
  readonly server: HttpServer;
  readonly log: MemoryLog;
  close(): Promise<void>;
}

export interface TestListenerOptions {
  readonly http?: Partial<HttpServerOptions>;
  readonly parts?: Partial<HttpServerParts>;
  readonly errorPage?: (error: unknown, request: Accepted, reply: Reply) => void;
}

/** The real listener and router on a free port, with these routes and everybody admitted. */
export async function startListener(
  routes: readonly Route[],
  { http, parts, errorPage = () => undefined }: TestListenerOptions = {},
): Promise<TestListener> {
  const log = createMemoryLog();
  const server = createHttpServer(
    {
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      keepAliveSeconds: 60,
      maxRequestHeaderBytes: undefined,
      maxUrlLength: undefined,
      ...http,
    },
    {
      handle: createRouter({ routes, errorPage }, log),
      clientAddress: () => ({ kind: 'unknown' }),
      admit: () => ({ kind: 'admitted', ip: '192.0.2.1' }),
      log,
      clock: systemClock,
      ...parts,
    },
  );
  const { port } = await server.listen();
  return {
    port,
    url: `${http?.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    server,
    log,
    close: () => server.close(AbortSignal.abort()),
  };
}

type RouteOptions = Partial<Pick<Route, 'method' | 'path' | 'envelope' | 'changesState'>>;

export function route(handle: Route['handle'], options: RouteOptions = {}): Route {
  return { method: 'GET', path: '/', envelope: 'messages', handle, ...options };
}
