import { isIP, type Socket } from 'node:net';
import { Agent, buildConnector, type Dispatcher, fetch as undiciFetch } from 'undici';
import type { Log } from '../../kernel/log.ts';
import type { GuardedFetch } from '../exchange.ts';
import { createDestinations, type DestinationOptions, type Lookup, targetOf } from './destinations.ts';
import { type ProxyVariables, proxyFor } from './proxy-settings.ts';
import { openTunnel } from './tunnel.ts';

export type Connector = buildConnector.connector;

export interface OutboundOptions extends DestinationOptions {
  readonly proxies: ProxyVariables;
  /** For each connection and each tunnel; a lookup may take twice that. */
  readonly connectTimeoutMs?: number;
}

export interface ConnectionOptions {
  readonly useProxy: boolean;
  /** PEM text that replaces the trust store. */
  readonly caPem?: string | undefined;
}

export interface Outbound {
  /** An undici connect function: resolve once, judge every address, connect to a judged one with the name in SNI and Host. */
  connector(options: ConnectionOptions): Connector;
  /** `fetch` through such a connector. Redirects are returned, never followed. */
  fetch(options: ConnectionOptions): GuardedFetch;
  close(): Promise<void>;
}

/** Everything the gateway sends to a configured address goes through here. */
export function createOutbound(
  options: OutboundOptions,
  parts: { readonly log: Log; readonly lookup?: Lookup },
): Outbound {
  const timeoutMs = options.connectTimeoutMs ?? 5_000;
  const destinations = createDestinations(options, 2 * timeoutMs, parts);
  const agents: Dispatcher[] = [];

  const connector = ({ useProxy, caPem }: ConnectionOptions): Connector => {
    const connect = buildConnector({
      timeout: timeoutMs,
      autoSelectFamily: false,
      // Streams of many developers must not share one connection's flow control and stream limit.
      allowH2: false,
      ...(caPem === undefined ? {} : { ca: caPem }),
    });

    const open = async (asked: buildConnector.Options): Promise<Socket> => {
      const target = targetOf(asked);
      const proxy = useProxy ? proxyFor(target, options.proxies) : undefined;
      const { host: _host, ...rest } = asked;
      const servername = asked.servername ?? (isIP(target.host) ? '' : target.host);
      return firstReached(await destinations(target, proxy !== undefined), async (hostname) => {
        const httpSocket = proxy && (await openTunnel(proxy, hostname, Number(target.port), timeoutMs));
        if (httpSocket && target.protocol !== 'https:') return httpSocket;
        return connected(connect, { ...rest, hostname, servername, ...(httpSocket ? { httpSocket } : {}) });
      });
    };

    return (asked, callback) => {
      open(asked).then(
        (socket) => callback(null, socket),
        (error: Error) => callback(error, null),
      );
    };
  };

  return {
    connector,
    fetch(connection) {
      const agent = new Agent({ connect: connector(connection) });
      agents.push(agent);
      return guardedFetch(agent);
    },
    async close() {
      await Promise.all(agents.map((agent) => agent.destroy()));
    },
  };
}

/** Tries the next address when one cannot be reached at all; any other failure is the answer. */
async function firstReached(
  addresses: readonly string[],
  connect: (address: string) => Promise<Socket>,
): Promise<Socket> {
  const [first = '', ...others] = addresses;
  try {
    return await connect(first);
  } catch (error) {
    if (others.length === 0 || !isUnreachable(error)) throw error;
    return firstReached(others, connect);
  }
}

const UNREACHABLE: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function isUnreachable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && UNREACHABLE.has(error.code);
}

function connected(connect: Connector, options: buildConnector.Options): Promise<Socket> {
  return new Promise((resolve, reject) => {
    connect(options, (error, socket) => (socket ? resolve(socket) : reject(error)));
  });
}

/** The platform's `fetch` and undici's differ in types only. */
function guardedFetch(dispatcher: Dispatcher): GuardedFetch {
  const call = (input: string | URL, init?: object) =>
    undiciFetch(input, { ...init, redirect: 'manual', dispatcher });
  return call as unknown as GuardedFetch;
}
