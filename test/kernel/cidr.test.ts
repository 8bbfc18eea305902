import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrContains, cidrMatcher, parseCidr } from '../../src/kernel/cidr.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../../src/kernel/ip-address.ts';
import { many } from '../support/property-runs.ts';

const version = fc.constantFrom(4 as const, 6 as const);
const bitsOf = (v: 4 | 6) => (v === 4 ? 32 : 128);

/** A block and an address that is often near its edges. */
const blockAndAddress = version.chain((v) => {
  const bits = bitsOf(v);
  const anyValue = fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
  return fc
    .tuple(
      anyValue,
      fc.integer({ min: 0, max: bits }),
      anyValue,
      fc.integer({ min: 0, max: bits - 1 }),
      fc.boolean(),
    )
    .map(([value, prefix, other, flipped, isNear]) => {
      const near = value ^ (1n << BigInt(flipped));
      return {
        version: v,
        block: `${text({ version: v, value })}/${prefix}`,
        base: text({ version: v, value }),
        prefix,
        address: { version: v, value: isNear ? near : other },
      };
    });
});

/** Dotted, or all eight groups: a mapped address stays IPv6 text here. */
function text({ version: v, value }: IpAddress): string {
  if (v === 4) return formatIpAddress({ version: 4, value });
  return Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16)).join(
    ':',
  );
}

describe('a block', () => {
  it('holds exactly the addresses the platform says it holds', () => {
    fc.assert(
      fc.property(blockAndAddress, ({ version: v, block, base, prefix, address }) => {
        fc.pre(parseIpAddress(base)?.version === v && parseIpAddress(text(address))?.version === v);
        const oracle = new BlockList();
        const family = v === 4 ? 'ipv4' : 'ipv6';
        oracle.addSubnet(base, prefix, family);
        const parsed = parseCidr(block);
        if (!parsed) throw new Error(`not read: ${block}`);
        expect(cidrContains(parsed, address)).toBe(oracle.check(text(address), family));
        expect(cidrMatcher([block])(address)).toBe(cidrContains(parsed, address));
      }),
      many(),
    );
  });

  it.each([
    ['10.0.0.0/8', { version: 4, base: 0x0a000000n, prefix: 8 }],
    ['10.1.2.3/8', { version: 4, base: 0x0a000000n, prefix: 8 }],
    ['10.1.2.3', { version: 4, base: 0x0a010203n, prefix: 32 }],
    ['0.0.0.0/0', { version: 4, base: 0n, prefix: 0 }],
    ['::/0', { version: 6, base: 0n, prefix: 0 }],
    ['2001:db8::/32', { version: 6, base: 0x20010db8n << 96n, prefix: 32 }],
    ['::1', { version: 6, base: 1n, prefix: 128 }],
    ['[2001:db8::]/32', { version: 6, base: 0x20010db8n << 96n, prefix: 32 }],
    ['::ffff:10.0.0.0/104', { version: 4, base: 0x0a000000n, prefix: 8 }],
    ['::ffff:10.0.0.1', { version: 4, base: 0x0a000001n, prefix: 32 }],
    ['::ffff:0:0/96', { version: 4, base: 0n, prefix: 0 }],
  ])('is read from %s', (written, expected) => {
    expect(parseCidr(written)).toEqual(expected);
  });

  it.each([
    '',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8.0',
    '10.0.0.0/08',
    '10.0.0.0/255.0.0.0',
    '10.0.0/8',
    '10/8',
    '010.0.0.0/8',
    '0x0a000000/8',
    '::/129',
    '::1/128/1',
    '::ffff:10.0.0.0/95',
    ' 10.0.0.0/8',
    '10.0.0.0 /8',
    'localhost/8',
  ])('is not read from "%s"', (written) => {
    expect(parseCidr(written)).toBeUndefined();
  });

  it('never holds an address of the other version', () => {
    const everything6 = cidrMatcher(['::/0']);
    const everything4 = cidrMatcher(['0.0.0.0/0']);
    expect(everything6({ version: 4, value: 1n })).toBe(false);
    expect(everything4({ version: 6, value: 1n })).toBe(false);
  });
});

describe('a list of blocks', () => {
  it('holds what any of them holds, and nothing when it is empty', () => {
    const matches = cidrMatcher(['10.0.0.0/8', '192.168.1.1', '2001:db8::/32']);
    const judge = (address: string) => {
      const parsed = parseIpAddress(address);
      return parsed && matches(parsed);
    };
    expect(['10.9.9.9', '192.168.1.1', '2001:db8::1', '::ffff:10.0.0.1'].map(judge)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['11.0.0.0', '192.168.1.2', '2001:db9::1'].map(judge)).toEqual([false, false, false]);
    expect(cidrMatcher([])({ version: 4, value: 0n })).toBe(false);
  });

  it('is not made from something that is no block', () => {
    expect(() => cidrMatcher(['10.0.0.0/8', '10.0.0.0/99'])).toThrow(
      new RangeError('not an address block: 10.0.0.0/99'),
    );
  });
});
