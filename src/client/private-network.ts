import { isIP } from 'node:net';
import { CodedError } from '../kernel/coded-error.ts';
import { type AddressKind, kindOfAddress, parseIpAddress } from '../kernel/ip-address.ts';
import type { GatewayUrl } from './gateway-url.ts';
import type { InternalNetwork } from './internal-networks.ts';
import { type HttpProxy, noProxyEntry } from './proxy.ts';

/** What judging an address takes from the machine. */
export interface NetworkView {
  /** Every address of a name, IPv4 and IPv6. Rejects or resolves to none when there are none. */
  resolve(hostname: string): Promise<readonly string[]>;
  /** This machine's own address on the way to another; nothing is sent to find out. */
  ownAddressToward(address: string): Promise<string>;
}

/** A gateway host that passed: only these addresses may be connected to. */
export interface CheckedHost {
  readonly addresses: readonly string[];
  /** Set when the addresses are public ones that the organisation uses inside. */
  readonly internal: { readonly network: InternalNetwork; readonly ownAddress: string } | undefined;
}

export interface GatewayRules {
  /** Asked for when an address is not private. */
  readonly internalNetworks: () => readonly InternalNetwork[];
  readonly isProxied: boolean;
}

/**
 * Resolves a gateway's host and judges every address. Throws `host_unresolvable`, `public_address` for one address off
 * the private network, `outside_internal_network` when a declared block's conditions do not hold, and `insecure_url`
 * when an `http://` name leads to another machine.
 */
export async function checkGatewayHost(
  gateway: GatewayUrl,
  view: NetworkView,
  rules: GatewayRules,
): Promise<CheckedHost> {
  const { hostname } = gateway;
  const addresses = await addressesOf(hostname, view);
  if (addresses.length === 0) throw new CodedError('host_unresolvable', { facts: { host: hostname } });
  if (!gateway.isHttps && !addresses.every(isLoopbackAddress)) throw new CodedError('insecure_url');
  const stranger = addresses.find((address) => !isPrivateAddress(address));
  if (stranger === undefined) return { addresses, internal: undefined };
  const network = rules
    .internalNetworks()
    .find((block) => addresses.some((address) => block.contains(address)));
  if (!network) throw new CodedError('public_address', { facts: { host: hostname, ip: stranger } });
  const ownAddress = await checkInternal(hostname, addresses, network, view, rules.isProxied);
  return { addresses, internal: { network, ownAddress } };
}

/** The proxy's addresses. Throws `proxy_unresolvable` and `proxy_public`. */
export async function checkProxyHost(
  proxy: HttpProxy,
  gateway: GatewayUrl,
  view: NetworkView,
): Promise<readonly string[]> {
  const addresses = await addressesOf(proxy.hostname, view);
  if (addresses.length === 0) throw new CodedError('proxy_unresolvable', { facts: { host: proxy.hostname } });
  if (addresses.every(isPrivateAddress)) return addresses;
  throw new CodedError('proxy_public', { facts: { proxy: proxy.label, noProxy: noProxyEntry(gateway) } });
}

/** RFC 1918, link-local, CGNAT (RFC 6598), IPv6 unique local or loopback; IPv4-mapped IPv6 counts as IPv4. */
export function isPrivateAddress(address: string): boolean {
  const parsed = parseIpAddress(address);
  return parsed !== undefined && privateKinds.has(kindOfAddress(parsed));
}

function isLoopbackAddress(address: string): boolean {
  const parsed = parseIpAddress(address);
  return parsed !== undefined && kindOfAddress(parsed) === 'loopback';
}

const privateKinds: ReadonlySet<AddressKind> = new Set([
  'private',
  'link_local',
  'shared',
  'unique_local',
  'loopback',
]);

async function checkInternal(
  host: string,
  addresses: readonly string[],
  network: InternalNetwork,
  view: NetworkView,
  isProxied: boolean,
): Promise<string> {
  const refuse = (reason: string, more: Record<string, string>) =>
    new CodedError('outside_internal_network', { facts: { host, block: network.cidr, reason, ...more } });
  const stray = addresses.find((address) => !network.contains(address));
  if (stray !== undefined) throw refuse('another_address', { ip: stray });
  if (isProxied) throw refuse('proxied', { noProxy: host });
  const ownAddress = await view.ownAddressToward(addresses[0] ?? '');
  if (!network.contains(ownAddress)) throw refuse('machine_outside', { ip: ownAddress });
  return ownAddress;
}

async function addressesOf(hostname: string, view: NetworkView): Promise<readonly string[]> {
  if (isIP(hostname)) return [hostname];
  try {
    return await view.resolve(hostname);
  } catch {
    // Why a resolver has no answer differs from machine to machine; that it has none is what the caller reports.
    return [];
  }
}
