import { type IpAddress, parseIpAddress } from './ip-address.ts';

/** A block of addresses, e.g. `10.0.0.0/8`; a bare address is a block of one. */
export interface Cidr {
  readonly version: 4 | 6;
  /** The block's first address. */
  readonly base: bigint;
  readonly prefix: number;
}

/** Reads `address/prefix` or an address. Bits below the prefix are cleared. Undefined when it is neither. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const address = parseIpAddress(slash === -1 ? text : text.slice(0, slash));
  if (!address) return undefined;
  const isMapped = address.version === 4 && text.slice(0, slash === -1 ? undefined : slash).includes(':');
  const bits = address.version === 4 ? 32 : 128;
  const prefixText = slash === -1 ? String(isMapped ? 128 : bits) : text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(prefixText)) return undefined;
  const prefix = Number(prefixText) - (isMapped ? 96 : 0);
  if (prefix < 0 || prefix > bits) return undefined;
  const shift = BigInt(bits - prefix);
  return { version: address.version, base: (address.value >> shift) << shift, prefix };
}

export function cidrContains(cidr: Cidr, address: IpAddress): boolean {
  if (cidr.version !== address.version) return false;
  const shift = BigInt((cidr.version === 4 ? 32 : 128) - cidr.prefix);
  return address.value >> shift === cidr.base >> shift;
}

/** A test for membership in any of the blocks. Throws RangeError for an entry that is no block: validate configuration first. */
export function cidrMatcher(entries: readonly string[]): (address: IpAddress) => boolean {
  const blocks = entries.map((entry) => {
    const block = parseCidr(entry);
    if (!block) throw new RangeError(`not an address block: ${entry}`);
    return block;
  });
  return (address) => blocks.some((block) => cidrContains(block, address));
}
