import type { IncomingMessage } from 'node:http';
import { cidrMatcher } from '../../kernel/cidr.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../../kernel/ip-address.ts';

export type ClientAddress =
  | { readonly kind: 'known'; readonly ip: string; readonly address: IpAddress }
  /** A trusted proxy sent an entry that is no address; `proxy` is the last address that could be believed. */
  | {
      readonly kind: 'unparseable';
      readonly entry: string;
      readonly proxy: string;
      readonly address: IpAddress;
    }
  /** The peer has no address, which happens when it has left already. */
  | { readonly kind: 'unknown' };

/**
 * Finds who asks: the TCP peer, or, when that is a trusted proxy, the first untrusted hop of `X-Forwarded-For` from the
 * right (all trusted: the leftmost). Several header lines are one list; ports are dropped; IPv4-mapped counts as IPv4.
 */
export function createClientAddress(
  trustedProxies: readonly string[],
): (message: IncomingMessage) => ClientAddress {
  const isTrusted = cidrMatcher(trustedProxies.map(withoutPort));
  const peers = new Map<string, ClientAddress>();

  const ofPeer = (remote: string | undefined): ClientAddress => {
    if (remote === undefined) return { kind: 'unknown' };
    const cached = peers.get(remote);
    if (cached) return cached;
    const address = parseIpAddress(remote);
    const found: ClientAddress = address ? known(address) : { kind: 'unknown' };
    if (peers.size >= 10_000) peers.clear();
    peers.set(remote, found);
    return found;
  };

  return (message) => {
    const peer = ofPeer(message.socket.remoteAddress);
    if (trustedProxies.length === 0 || peer.kind !== 'known' || !isTrusted(peer.address)) return peer;
    const forwarded = message.headersDistinct['x-forwarded-for']?.join(',');
    if (forwarded === undefined) return peer;
    return walk(forwarded.split(','), peer.address, isTrusted);
  };
}

function walk(
  hops: readonly string[],
  peer: IpAddress,
  isTrusted: (address: IpAddress) => boolean,
): ClientAddress {
  let believed = peer;
  for (let i = hops.length - 1; i >= 0; i -= 1) {
    const entry = (hops[i] ?? '').trim();
    const address = parseIpAddress(withoutPort(entry));
    if (!address) return { kind: 'unparseable', entry, proxy: formatIpAddress(believed), address: believed };
    if (!isTrusted(address)) return known(address);
    believed = address;
  }
  return known(believed);
}

/** `1.2.3.4:5678` and `[::1]:9` lose their port; an unbracketed IPv6 address is left as it is. */
export function withoutPort(entry: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(entry);
  if (bracketed) return bracketed[1] ?? '';
  return /^[^:]+:\d{1,5}$/.test(entry) ? entry.slice(0, entry.indexOf(':')) : entry;
}

function known(address: IpAddress): ClientAddress {
  return { kind: 'known', ip: formatIpAddress(address), address };
}
