import { cidrContains, parseCidr } from './cidr.ts';
import { parseIpAddress } from './ip-address.ts';

/** What a connection is to lead to, as its URL names it. */
export interface ProxyTarget {
  /** A name, or an address with or without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/**
 * Whether a `NO_PROXY` list has a target reached directly. Entries stand between commas or spaces, each with an optional
 * `:port`: `*` is everything; `example.com`, `.example.com` and `*.example.com` are that name and all below it; an
 * address is itself in any spelling; a block such as `10.0.0.0/8` holds addresses that a URL names. No name is resolved.
 */
export function isExemptFromProxy(target: ProxyTarget, noProxy: string): boolean {
  return noProxy
    .split(/[,\s]+/)
    .filter(Boolean)
    .some((entry) => covers(entry, target));
}

function covers(entry: string, { hostname, port }: ProxyTarget): boolean {
  const [host, entryPort] = splitPort(entry);
  if (entryPort !== undefined && entryPort !== port) return false;
  if (host === '*') return true;
  const address = parseIpAddress(hostname);
  const block = parseCidr(host);
  if (address) return block !== undefined && cidrContains(block, address);
  return block === undefined && isWithin(canonicalName(hostname), canonicalName(host.replace(/^\*?\./, '')));
}

function isWithin(name: string, domain: string): boolean {
  return domain !== '' && (name === domain || name.endsWith(`.${domain}`));
}

function canonicalName(name: string): string {
  return name.replace(/\.$/, '').toLowerCase();
}

/** What stands after the last colon of a bare IPv6 address is no port. */
function splitPort(entry: string): readonly [host: string, port: number | undefined] {
  const match = /^(\[.*\](?:\/\d+)?|[^:]*):(\d+)$/.exec(entry);
  return match?.[1] === undefined ? [entry, undefined] : [match[1], Number(match[2])];
}
