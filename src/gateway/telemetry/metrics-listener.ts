import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { bind } from '../http/bind.ts';
import { EXPOSITION_TYPE, exposition } from './exposition.ts';
import type { Snapshot } from './snapshot.ts';

export interface MetricsListenerOptions {
  readonly host: string;
  readonly port: number;
}

export interface MetricsListener {
  /** Resolves with the bound port. Throws CodedError `address_in_use` naming `metrics.listen`. */
  listen(): Promise<{ readonly port: number }>;
  close(): Promise<void>;
}

const PATH = '/metrics';
const KEYS = { host: 'metrics.listen', port: 'metrics.listen' };
/** Nobody signs in here: what strangers could take up is little. */
const MAX_CONNECTIONS = 64;
const LIMITS = { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requestTimeout: 10_000 };

/** Serves figures to Prometheus: `GET /metrics` and nothing else, without authentication. */
export function createMetricsListener(
  place: MetricsListenerOptions,
  collect: () => Promise<Snapshot>,
): MetricsListener {
  let underWay: Promise<string> | undefined;

  /** Whoever asks meanwhile gets the same. */
  const page = (): Promise<string> => {
    underWay ??= collect()
      .then(exposition)
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  };

  const answer = async ({ method, url }: IncomingMessage, response: ServerResponse): Promise<void> => {
    const isKnown = (method === 'GET' || method === 'HEAD') && url?.split('?', 1)[0] === PATH;
    const [status, type, text] = isKnown
      ? [200, EXPOSITION_TYPE, await page()]
      : [404, 'text/plain; charset=utf-8', `only GET ${PATH} is served here\n`];
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.end(text);
  };

  const server = createServer(LIMITS, (request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;

  return {
    listen: () => bind(server, place, KEYS),
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}
