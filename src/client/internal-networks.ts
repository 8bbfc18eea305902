import { isIPv4 } from 'node:net';
import { z } from 'zod';
import { CodedError } from '../kernel/coded-error.ts';

/** A block of public IPv4 addresses that an organisation uses inside. */
export interface InternalNetwork {
  readonly cidr: string;
  contains(address: string): boolean;
}

interface Range {
  readonly cidr: string;
  readonly first: number;
  readonly last: number;
}

const MOST_BLOCKS = 4;

/** Private and special space: either judged private anyway or never a gateway's. 240.0.0.0/4 may be declared. */
const reserved: readonly Range[] = [
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
].map((cidr) => parseRange(cidr));

/**
 * Reads `gatewayInternalNetworks`: at most four IPv4 blocks of /8 to /32, each written as its first address, apart from
 * one another and from private and special space. Throws `internal_networks_invalid`.
 */
export function parseInternalNetworks(value: unknown): readonly InternalNetwork[] {
  const list = z.array(z.string()).safeParse(value ?? []);
  if (!list.success) throw invalid('it must be a list of IPv4 blocks');
  const ranges = list.data.map((cidr) => parseRange(cidr.trim()));
  if (ranges.length > MOST_BLOCKS)
    throw invalid(`it lists ${ranges.length} blocks, and ${MOST_BLOCKS} are the most`);
  ranges.forEach((range, index) => {
    const other = [...ranges.slice(0, index), ...reserved].find((known) => overlap(known, range));
    if (other) throw invalid(`${range.cidr} overlaps ${other.cidr}`);
  });
  return ranges.map(({ cidr, first, last }) => ({
    cidr,
    contains: (address) => {
      const number = isIPv4(address) ? toNumber(address) : Number.NaN;
      return number >= first && number <= last;
    },
  }));
}

function parseRange(cidr: string): Range {
  const [address = '', digits = ''] = cidr.split('/');
  const prefix = /^\d{1,2}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!isIPv4(address) || cidr !== `${address}/${prefix}`)
    throw invalid(`${cidr} is not an IPv4 block such as 11.20.0.0/16`);
  if (!(prefix >= 4 && prefix <= 32)) throw invalid(`${cidr} must have a prefix from /8 to /32`);
  const size = 2 ** (32 - prefix);
  const first = toNumber(address);
  if (first % size !== 0) throw invalid(`${cidr} must be written with its first address`);
  return { cidr, first, last: first + size - 1 };
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function overlap(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

function invalid(why: string): CodedError {
  return new CodedError('internal_networks_invalid', { facts: { why } });
}
