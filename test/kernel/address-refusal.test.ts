import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusalOfAddress, refusalOfHost } from '../../src/kernel/address-refusal.ts';
import { formatIpAddress, parseIpAddress } from '../../src/kernel/ip-address.ts';
import { many } from '../support/property-runs.ts';

const strict = { allowLoopback: false };
const lenient = { allowLoopback: true };

function judge(text: string, options = strict): string | undefined {
  const address = parseIpAddress(text);
  if (!address) throw new RangeError(text);
  return refusalOfAddress(address, options);
}

const METADATA = [
  '169.254.169.254',
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
];
const LOOPBACK = ['127.0.0.1', '127.0.0.2', '127.255.255.255', '::1'];
const NEVER = [
  '0.0.0.0',
  '0.0.0.1',
  '0.255.255.255',
  '::',
  '169.254.0.1',
  '169.254.255.255',
  'fe80::1',
  'febf::ffff',
  '224.0.0.1',
  '239.255.255.255',
  'ff02::1',
  'ff00::',
  '255.255.255.255',
];
const ALLOWED = [
  '10.0.0.1',
  '172.16.0.1',
  '192.168.255.1',
  '100.64.0.1',
  'fd00::1',
  'fc00::1',
  '8.8.8.8',
  '160.79.104.10',
  '2606:4700::1111',
  '128.0.0.1',
  '126.255.255.255',
  '1.0.0.0',
  '169.253.255.255',
  '169.255.0.0',
  '223.255.255.255',
  '168.63.129.17',
  '100.100.100.201',
  '192.0.0.193',
];

/** The ways to write an IPv4 address into an IPv6 one that something on the way may unpack. */
const DISGUISES: readonly (readonly [string, (text: string) => string])[] = [
  ['IPv4-mapped', (text) => `::ffff:${text}`],
  ['IPv4-compatible', (text) => `::${text}`],
  ['6to4', (text) => `2002:${hex(text)}::`],
  ['6to4 with a host part', (text) => `2002:${hex(text)}:1:2:3:4:5`],
  ['NAT64', (text) => `64:ff9b::${text}`],
  ['local NAT64', (text) => `64:ff9b:1::${text}`],
  ['Teredo server', (text) => `2001:0:${hex(text)}:0:1:f7f7:f7f7`],
  ['Teredo client', (text) => `2001:0:808:808:0:1:${hex(inverted(text))}`],
  ['ISATAP', (text) => `2001:db8::5efe:${text}`],
  ['IPv4-translated', (text) => `::ffff:0:${text}`],
];

describe('an address', () => {
  it.each(METADATA)('of a metadata service is refused: %s', (text) => {
    expect(judge(text)).toBe('a cloud metadata address');
    expect(judge(text, lenient)).toBe('a cloud metadata address');
  });

  it.each(LOOPBACK)('of loopback is refused unless loopback is allowed: %s', (text) => {
    expect(judge(text)).toBe('a loopback address (CLAUDE_GATEWAY_ALLOW_LOOPBACK=1 allows them)');
    expect(judge(text, lenient)).toBeUndefined();
  });

  it.each(NEVER)('that is no place to connect to is refused, loopback allowed or not: %s', (text) => {
    expect(judge(text)).toMatch(/unspecified|this network|link-local|multicast|broadcast/);
    expect(judge(text, lenient)).toBe(judge(text));
  });

  it.each(ALLOWED)('that is private or public is allowed: %s', (text) => {
    expect(judge(text)).toBeUndefined();
  });

  describe.each(DISGUISES)('in its %s form', (name, disguise) => {
    const ipv4 = [...METADATA, ...LOOPBACK, ...NEVER].filter(
      (text) => text.includes('.') && text !== '0.0.0.1',
    );

    it.each(ipv4)('is judged like what it hides: %s', (text) => {
      const hidden = disguise(text);
      expect(judge(hidden)).toBeDefined();
      // A mapped address is that IPv4 address; the other forms are not how anybody reaches a sidecar.
      if (name !== 'IPv4-mapped') expect(judge(hidden, lenient)).toBeDefined();
    });

    it.each(['10.0.0.1', '192.168.1.1', '8.8.8.8'])('is allowed when it hides %s', (text) => {
      expect(judge(disguise(text))).toBeUndefined();
    });
  });

  it('is refused in every range, whatever its last bits are', () => {
    const ranges = ['127.0.0.0/8', '169.254.0.0/16', '0.0.0.0/8', '224.0.0.0/4', 'fe80::/10', 'ff00::/8'];
    const inRange = fc.constantFrom(...ranges).chain((range) => {
      const [base = '', prefix = ''] = range.split('/');
      const address = parseIpAddress(base);
      if (!address) throw new RangeError(base);
      const bits = (address.version === 4 ? 32 : 128) - Number(prefix);
      const offset = fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
      return offset.map((low) => formatIpAddress({ ...address, value: address.value + low }));
    });
    fc.assert(
      fc.property(inRange, (text) => {
        expect(judge(text)).toBeDefined();
      }),
      many(),
    );
  });
});

describe('a host name', () => {
  it.each(['metadata.google.internal', 'METADATA.google.internal.', 'metadata.goog', 'metadata'])(
    'of a metadata service is refused: %s',
    (name) => {
      expect(refusalOfHost(name, lenient)).toBe('a cloud metadata name');
    },
  );

  it.each(['localhost', 'LOCALHOST', 'localhost.', 'a.localhost', 'a.b.LocalHost.'])(
    'of loopback is refused unless loopback is allowed: %s',
    (name) => {
      expect(refusalOfHost(name, strict)).toMatch(/^a loopback name/);
      expect(refusalOfHost(name, lenient)).toBeUndefined();
    },
  );

  it.each([
    '0x7f.1',
    '0x7f000001',
    '2130706433',
    '017700000001',
    '0177.0.0.1',
    '127.1',
    '0',
    '10.1',
    '0xa9fea9fe',
    '2852039166',
  ])('that resolvers read as an address is refused: %s', (name) => {
    expect(refusalOfHost(name, lenient)).toBe('an address in an unusual notation');
  });

  it.each([
    'api.anthropic.com',
    'localhost.example.test',
    'mylocalhost',
    'metadata.example.test',
    'a-1.test',
    '10.0.0.1',
    '::1',
  ])('of anything else may be looked up: %s', (name) => {
    expect(refusalOfHost(name, strict)).toBeUndefined();
  });
});

function hex(text: string): string {
  const { value } = parseIpAddress(text) ?? { value: 0n };
  return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
}

function inverted(text: string): string {
  const { value } = parseIpAddress(text) ?? { value: 0n };
  return formatIpAddress({ version: 4, value: value ^ 0xffff_ffffn });
}
