import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { refusalOfAddress, refusalOfHost } from '../../kernel/address-refusal.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import { formatIpAddress, parseIpAddress } from '../../kernel/ip-address.ts';
import { escapeControl, type Log } from '../../kernel/log.ts';

export type Lookup = (host: string) => Promise<readonly string[]>;

export interface DestinationOptions {
  readonly allowLoopback: boolean;
  /** Origins on loopback that are allowed all the same: the practice parts of `gateway --dev`. */
  readonly allowedOrigins: readonly string[];
  /** Hand names to the proxy unresolved; literals and localhost names are still judged. */
  readonly proxyIsEgressBoundary: boolean;
}

/** What somebody configured: no brackets, no trailing dot, always a port. */
export interface Target {
  readonly host: string;
  readonly port: string;
  readonly protocol: string;
}

/** The error code operators search for. */
const SSRF_CODE = 'ECONNREFUSED_SSRF';

/** How many of a name's addresses are worth a try. */
const MAX_ADDRESSES = 4;

/**
 * Finds where a connection, or the proxy's, is to go: looked up once, every address judged. Throws CodedError
 * `address_refused` when the host or any of its addresses must not be reached, and logs that each time.
 */
export function createDestinations(
  options: DestinationOptions,
  lookupTimeoutMs: number,
  { log, lookup = lookupAll }: { readonly log: Log; readonly lookup?: Lookup | undefined },
): (target: Target, isProxied: boolean) => Promise<readonly string[]> {
  const allowedOrigins = new Set(options.allowedOrigins.map((origin) => originOf(targetOf(new URL(origin)))));

  const refuse = (host: string, why: string, address = ''): never => {
    const detail = `${SSRF_CODE}: ${escapeControl(host)}${address ? ` (${escapeControl(address)})` : ''} is ${why}`;
    log.warn(detail);
    throw Object.assign(new CodedError('address_refused', { detail }), { errno: SSRF_CODE });
  };

  const judged = async (target: Target): Promise<readonly string[]> => {
    const { host } = target;
    const rules = { allowLoopback: options.allowLoopback || allowedOrigins.has(originOf(target)) };
    const hostRefusal = refusalOfHost(host, rules);
    if (hostRefusal) refuse(host, hostRefusal);
    const literal = parseIpAddress(host);
    const addresses = literal
      ? [formatIpAddress(literal)]
      : await inTime(lookup(host), host, lookupTimeoutMs);
    for (const text of addresses) {
      const address = parseIpAddress(text);
      const refusal = address ? refusalOfAddress(address, rules) : 'not an address';
      if (refusal) refuse(host, refusal, text);
    }
    if (addresses.length === 0) refuse(host, 'a name without addresses');
    return addresses.slice(0, MAX_ADDRESSES);
  };

  return async (target, isProxied) =>
    isProxied && options.proxyIsEgressBoundary && isOrdinaryName(target.host)
      ? [target.host]
      : judged(target);
}

/** Reads what undici or `URL` say of a target. */
export function targetOf(url: {
  readonly hostname: string;
  readonly port: string;
  readonly protocol: string;
}): Target {
  const { hostname, protocol } = url;
  const port = url.port || (protocol === 'https:' ? '443' : '80');
  return { host: hostname.replace(/^\[|\]$/g, '').replace(/\.$/, ''), port, protocol };
}

function originOf({ protocol, host, port }: Target): string {
  return `${protocol}//${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

function isOrdinaryName(host: string): boolean {
  return parseIpAddress(host) === undefined && refusalOfHost(host, { allowLoopback: false }) === undefined;
}

async function inTime<T>(work: Promise<T>, host: string, timeoutMs: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new Error(`${host} was not looked up within ${timeoutMs} ms`);
    late.reject(Object.assign(error, { code: 'ETIMEDOUT' }));
  }, timeoutMs);
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}

async function lookupAll(host: string): Promise<readonly string[]> {
  const found = await systemLookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}
