import { isIPv4 } from 'node:net';
import { z } from 'zod';
import { type Cidr, cidrContains, parseCidr } from '../kernel/cidr.ts';
import { CodedError } from '../kernel/coded-error.ts';
import { parseIpAddress } from '../kernel/ip-address.ts';

/** A block of public IPv4 addresses that an organisation uses inside. */
export interface InternalNetwork {
  readonly cidr: string;
  contains(address: string): boolean;
}

interface Block extends Cidr {
  readonly text: string;
}

const MOST_BLOCKS = 4;
const SHORTEST_PREFIX = 8;

/** Private and special space: either judged private anyway or never a gateway's. 240.0.0.0/4 may be declared. */
const reserved: readonly Block[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
].map((text) => parseBlock(text, 4));

/**
 * Reads `gatewayInternalNetworks`: at most four IPv4 blocks of /8 to /32, each written as its first address, apart from
 * one another and from private and special space. Throws `internal_networks_invalid`.
 */
export function parseInternalNetworks(value: unknown): readonly InternalNetwork[] {
  const list = z.array(z.string()).safeParse(value === undefined ? [] : value);
  if (!list.success) throw invalid('it must be a list of IPv4 blocks');
  const declared = list.data.map((text) => parseBlock(text.trim(), SHORTEST_PREFIX));
  if (declared.length > MOST_BLOCKS) {
    throw invalid(`it lists ${declared.length} blocks, and ${MOST_BLOCKS} are the most`);
  }
  declared.forEach((block, index) => {
    const other = [...declared.slice(0, index), ...reserved].find((known) => overlap(known, block));
    if (other) throw invalid(`${block.text} overlaps ${other.text}`);
  });
  return declared.map((block) => ({
    cidr: block.text,
    contains: (text) => {
      const address = parseIpAddress(text);
      return address !== undefined && cidrContains(block, address);
    },
  }));
}

function parseBlock(text: string, shortestPrefix: number): Block {
  const [first = '', digits] = text.split('/');
  const block = isIPv4(first) && digits !== undefined ? parseCidr(text) : undefined;
  if (!block) throw invalid(`${text} is not an IPv4 block such as 11.20.0.0/16`);
  if (block.prefix < shortestPrefix) throw invalid(`${text} must have a prefix from /8 to /32`);
  if (parseIpAddress(first)?.value !== block.base)
    throw invalid(`${text} must be written with its first address`);
  return { ...block, text };
}

/** Two blocks overlap when one holds the other's first address. */
function overlap(a: Cidr, b: Cidr): boolean {
  return (
    cidrContains(a, { version: b.version, value: b.base }) ||
    cidrContains(b, { version: a.version, value: a.base })
  );
}

function invalid(why: string): CodedError {
  return new CodedError('internal_networks_invalid', { facts: { why } });
}
