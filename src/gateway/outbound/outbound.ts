import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type Socket } from 'node:net';
import { Agent, buildConnector, type Dispatcher, fetch as undiciFetch } from 'undici';
import { CodedError } from '../../kernel/coded-error.ts';
import { formatIpAddress, parseIpAddress } from '../../kernel/ip-address.ts';
import { escapeControl, type Log } from '../../kernel/log.ts';
import type { GuardedFetch } from '../exchange.ts';
import { refusalOfAddress, refusalOfHost } from './judge.ts';
import { type ProxyVariables, proxyFor } from './proxy-settings.ts';
import { openTunnel } from './tunnel.ts';

export type Connector = buildConnector.connector;

export type Lookup = (host: string) => Promise<readonly string[]>;

export interface OutboundOptions {
  readonly allowLoopback: boolean;
  /** Origins on loopback that are allowed all the same: the practice parts of `gateway --dev`. */
  readonly allowedOrigins: readonly string[];
  readonly proxies: ProxyVariables;
  /** Hand names to the proxy unresolved; literals and localhost names are still judged. */
  readonly proxyIsEgressBoundary: boolean;
  readonly connectTimeoutMs?: number;
}

export interface ConnectionOptions {
  readonly useProxy: boolean;
  /** PEM text that replaces the trust store. */
  readonly caPem?: string | undefined;
}

export interface Outbound {
  /** An undici connect function: resolve once, judge every address, connect to the judged one with the name in SNI and Host. */
  connector(options: ConnectionOptions): Connector;
  /** `fetch` through such a connector. Redirects are returned, never followed. */
  fetch(options: ConnectionOptions): GuardedFetch;
  close(): Promise<void>;
}

/** The error code operators search for. */
export const SSRF_CODE = 'ECONNREFUSED_SSRF';

/** Everything the gateway sends to a configured address goes through here. */
export function createOutbound(
  options: OutboundOptions,
  { log, lookup = lookupAll }: { readonly log: Log; readonly lookup?: Lookup },
): Outbound {
  const allowedOrigins = new Set(options.allowedOrigins);
  const agents: Dispatcher[] = [];

  /** The address to connect to. Throws CodedError `address_refused` when the host or any of its addresses must not be reached. */
  const judged = async (host: string, port: string, protocol: string): Promise<string> => {
    const isAllowedOrigin = allowedOrigins.has(
      `${protocol}//${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
    );
    const rules = { allowLoopback: options.allowLoopback || isAllowedOrigin };
    const refuse = (why: string, address = ''): never => {
      const detail = `${SSRF_CODE}: ${escapeControl(host)}${address ? ` (${address})` : ''} is ${why}`;
      log.warn(detail);
      throw Object.assign(new CodedError('address_refused', { detail }), { errno: SSRF_CODE });
    };
    const hostRefusal = refusalOfHost(host, rules);
    if (hostRefusal) refuse(hostRefusal);
    const literal = parseIpAddress(host);
    const addresses = literal ? [formatIpAddress(literal)] : await lookup(host);
    for (const text of addresses) {
      const address = parseIpAddress(text);
      const refusal = address ? refusalOfAddress(address, rules) : 'not an address';
      if (refusal) refuse(refusal, text);
    }
    const [first] = addresses;
    return first ?? refuse('a name without addresses');
  };

  const connector = ({ useProxy, caPem }: ConnectionOptions): Connector => {
    const connect = buildConnector({
      timeout: options.connectTimeoutMs ?? 5_000,
      autoSelectFamily: false,
      // Streams of many developers must not share one connection's flow control and stream limit.
      allowH2: false,
      ...(caPem === undefined ? {} : { ca: caPem }),
    });
    const open = async (
      target: buildConnector.Options,
    ): Promise<{ hostname: string; httpSocket?: Socket }> => {
      const host = target.hostname.replace(/^\[|\]$/g, '');
      const port = target.port || (target.protocol === 'https:' ? '443' : '80');
      const proxy = useProxy
        ? proxyFor({ protocol: target.protocol, hostname: host, port }, options.proxies)
        : undefined;
      if (!proxy) return { hostname: await judged(host, port, target.protocol) };
      const isLiteral =
        parseIpAddress(host) !== undefined || refusalOfHost(host, { allowLoopback: false }) !== undefined;
      const address =
        options.proxyIsEgressBoundary && !isLiteral ? host : await judged(host, port, target.protocol);
      const httpSocket = await openTunnel(proxy, address, Number(port), options.connectTimeoutMs ?? 5_000);
      return { hostname: address, httpSocket };
    };
    return (target, callback) => {
      open(target).then(
        ({ hostname, httpSocket }) => {
          const host = target.hostname.replace(/^\[|\]$/g, '');
          if (httpSocket && target.protocol !== 'https:') return callback(null, httpSocket);
          const { host: _host, ...rest } = target;
          const servername = target.servername ?? (isIP(host) ? '' : host);
          connect({ ...rest, hostname, servername, ...(httpSocket ? { httpSocket } : {}) }, callback);
        },
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

/** The platform's `fetch` and undici's differ in types only. */
function guardedFetch(dispatcher: Dispatcher): GuardedFetch {
  const call = (input: string | URL, init?: object) =>
    undiciFetch(input, { redirect: 'manual', ...init, dispatcher });
  return call as unknown as GuardedFetch;
}

async function lookupAll(host: string): Promise<readonly string[]> {
  const found = await systemLookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}
