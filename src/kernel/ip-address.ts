/**
 * IP addresses as numbers. IPv4-mapped IPv6 counts as IPv4 everywhere. Only the canonical dotted form and RFC 4291 text
 * are read: octal, hexadecimal and integer notations of IPv4 are not addresses here.
 */
export interface IpAddress {
  readonly version: 4 | 6;
  readonly value: bigint;
}

/** What an address is for, as far as a decision depends on it (RFC 1918, 3927, 4193, 4291, 5737, 6598, 6890). */
export type AddressKind =
  | 'public'
  | 'private'
  | 'unique_local'
  | 'shared'
  | 'link_local'
  | 'loopback'
  | 'unspecified'
  | 'multicast'
  | 'broadcast'
  | 'reserved';

const IPV4_PART = /^(?:0|[1-9]\d{0,2})$/;

/** Reads an address literal; brackets and an IPv6 zone id are dropped. Undefined for anything else. */
export function parseIpAddress(text: string): IpAddress | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  if (!bare.includes(':')) return parseIpv4(bare);
  const zone = bare.indexOf('%');
  const value = parseIpv6(zone === -1 ? bare : bare.slice(0, zone));
  return value === undefined ? undefined : unmapped(value);
}

/** Canonical text: dotted decimal, or RFC 5952. */
export function formatIpAddress(address: IpAddress): string {
  return address.version === 4 ? formatIpv4(address.value) : formatIpv6(address.value);
}

/** Canonical text of a literal, or undefined when it is none. */
export function canonicalIpAddress(text: string): string | undefined {
  const parsed = parseIpAddress(text);
  return parsed && formatIpAddress(parsed);
}

export function kindOfAddress(address: IpAddress): AddressKind {
  return address.version === 4 ? kindOfIpv4(address.value) : kindOfIpv6(address.value);
}

/** IPv4 addresses that an IPv6 address carries: compatible, 6to4, NAT64 (RFC 6052 and 8215), Teredo, ISATAP. */
export function embeddedIpv4(address: IpAddress): readonly IpAddress[] {
  if (address.version === 4) return [];
  const { value } = address;
  const low = ipv4(value & 0xffff_ffffn);
  const found: IpAddress[] = [];
  if (value >> 32n === 0n && value > 1n) found.push(low);
  if (value >> 112n === 0x2002n) found.push(ipv4((value >> 80n) & 0xffff_ffffn));
  if (value >> 32n === 0x0064_ff9b_0000_0000_0000_0000n) found.push(low);
  if (value >> 80n === 0x0064_ff9b_0001n) found.push(low, ...localNat64(value));
  if (value >> 96n === 0x2001_0000n)
    found.push(ipv4((value >> 64n) & 0xffff_ffffn), ipv4(~value & 0xffff_ffffn));
  if (((value >> 32n) & 0xfcff_ffffn) === 0x5efen) found.push(low);
  if (value >> 32n === 0xffff_0000n) found.push(low);
  return found;
}

/** RFC 6052 section 2.2 under a /48, /56 or /64 prefix. All zeros in front are a /96 prefix rather than an address. */
function localNat64(value: bigint): readonly IpAddress[] {
  const under48 = (((value >> 64n) & 0xffffn) << 16n) | ((value >> 40n) & 0xffffn);
  const under56 = (((value >> 64n) & 0xffn) << 24n) | ((value >> 32n) & 0xff_ffffn);
  const under64 = (value >> 24n) & 0xffff_ffffn;
  return [under48, under56, under64].filter((candidate) => candidate >> 24n !== 0n).map(ipv4);
}

/** Looks like an IPv4 address in a notation that resolvers accept and this module does not: `0x7f.1`, `017700000001`, `2130706433`. */
export function isOddIpv4Notation(host: string): boolean {
  if (parseIpv4(host)) return false;
  const parts = host.replace(/\.$/, '').split('.');
  return parts.length <= 4 && parts.every((part) => /^(?:0x[0-9a-f]*|\d+)$/i.test(part));
}

function parseIpv4(text: string): IpAddress | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (!IPV4_PART.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return ipv4(value);
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? groupsOf(halves[1] ?? '', true) : [];
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** 16-bit groups of one side of `::`; a dotted IPv4 address may stand for the last two of all. */
function groupsOf(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const last = parts.at(-1) ?? '';
  const dotted = isEnd && last.includes('.') ? parseIpv4(last) : undefined;
  if (last.includes('.') && !dotted) return undefined;
  const plain = dotted ? parts.slice(0, -1) : parts;
  if (!plain.every((part) => /^[0-9a-f]{1,4}$/i.test(part))) return undefined;
  const groups = plain.map((part) => Number.parseInt(part, 16));
  return dotted ? [...groups, Number(dotted.value >> 16n), Number(dotted.value & 0xffffn)] : groups;
}

function unmapped(value: bigint): IpAddress {
  return value >> 32n === 0xffffn ? ipv4(value & 0xffff_ffffn) : { version: 6, value };
}

function ipv4(value: bigint): IpAddress {
  return { version: 4, value };
}

function formatIpv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
}

function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    Number((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16),
  );
  const zeros = longestZeroRun(groups);
  if (zeros.length < 2) return groups.join(':');
  return `${groups.slice(0, zeros.start).join(':')}::${groups.slice(zeros.start + zeros.length).join(':')}`;
}

function longestZeroRun(groups: readonly string[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start += 1) {
    let length = 0;
    while (groups[start + length] === '0') length += 1;
    if (length > best.length) best = { start, length };
  }
  return best;
}

function kindOfIpv4(value: bigint): AddressKind {
  const first = Number(value >> 24n);
  const second = Number((value >> 16n) & 0xffn);
  const top24 = Number(value >> 8n);
  if (value === 0n) return 'unspecified';
  if (value === 0xffff_ffffn) return 'broadcast';
  if (first === 127) return 'loopback';
  if (first === 10 || (first === 172 && second >> 4 === 1) || (first === 192 && second === 168))
    return 'private';
  if (first === 169 && second === 254) return 'link_local';
  if (first === 100 && second >> 6 === 1) return 'shared';
  if (first >> 4 === 14) return 'multicast';
  const reservedBlocks = [0xc00000, 0xc00002, 0xc63364, 0xcb0071, 0xc05863];
  if (first === 0 || first >= 240 || reservedBlocks.includes(top24) || (first === 198 && second >> 1 === 9))
    return 'reserved';
  return 'public';
}

function kindOfIpv6(value: bigint): AddressKind {
  if (value === 0n) return 'unspecified';
  if (value === 1n) return 'loopback';
  if (value >> 121n === 0b1111110n) return 'unique_local';
  if (value >> 118n === 0b1111111010n) return 'link_local';
  if (value >> 120n === 0xffn) return 'multicast';
  if (value >> 125n !== 1n || value >> 96n === 0x2001_0db8n) return 'reserved';
  return 'public';
}
