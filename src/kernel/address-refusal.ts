import {
  embeddedIpv4,
  formatIpAddress,
  type IpAddress,
  isOddIpv4Notation,
  kindOfAddress,
  parseIpAddress,
} from './ip-address.ts';

/** Metadata services that answer with credentials; link-local ones are blocked as such. */
const METADATA_ADDRESSES = [
  '169.254.169.254',
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
];
const METADATA = new Set(METADATA_ADDRESSES.map((text) => canonical(text)));
const METADATA_NAMES = new Set(['metadata.google.internal', 'metadata.goog', 'metadata']);

export interface JudgeOptions {
  /** `CLAUDE_GATEWAY_ALLOW_LOOPBACK=1`: loopback, never the unspecified address or multicast. */
  readonly allowLoopback: boolean;
}

/** Why this address must not be connected to, or undefined. Private ranges are allowed on purpose. */
export function refusalOfAddress(address: IpAddress, options: JudgeOptions): string | undefined {
  if (METADATA.has(formatIpAddress(address))) return 'a cloud metadata address';
  switch (kindOfAddress(address)) {
    case 'loopback':
      return options.allowLoopback
        ? undefined
        : 'a loopback address (CLAUDE_GATEWAY_ALLOW_LOOPBACK=1 allows them)';
    case 'link_local':
      return 'a link-local address';
    case 'unspecified':
      return 'the unspecified address';
    case 'multicast':
      return 'a multicast address';
    case 'broadcast':
      return 'the broadcast address';
    case 'reserved':
      return isThisNetwork(address) ? 'an address of this network (0.0.0.0/8)' : hidden(address, options);
    default:
      return hidden(address, options);
  }
}

/** Why this host name must not be looked up, or undefined. Literals in notations that resolvers accept and parsers differ on are refused. */
export function refusalOfHost(host: string, options: JudgeOptions): string | undefined {
  const name = host.replace(/\.$/, '').toLowerCase();
  if (METADATA_NAMES.has(name)) return 'a cloud metadata name';
  if (isOddIpv4Notation(name)) return 'an address in an unusual notation';
  const isLocalName = name === 'localhost' || name.endsWith('.localhost');
  return isLocalName && !options.allowLoopback
    ? 'a loopback name (CLAUDE_GATEWAY_ALLOW_LOOPBACK=1 allows it)'
    : undefined;
}

/** IPv4 addresses inside IPv6 ones are judged like the ones they reach. */
function hidden(address: IpAddress, options: JudgeOptions): string | undefined {
  for (const inner of embeddedIpv4(address)) {
    const refusal = refusalOfAddress(inner, { ...options, allowLoopback: false });
    if (refusal) return `an IPv6 form of ${refusal}`;
  }
  return undefined;
}

function isThisNetwork(address: IpAddress): boolean {
  return address.version === 4 && address.value >> 24n === 0n;
}

function canonical(text: string): string {
  const parsed = parseIpAddress(text);
  if (!parsed) throw new RangeError(`not an address: ${text}`);
  return formatIpAddress(parsed);
}
