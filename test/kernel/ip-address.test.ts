import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AddressKind,
  canonicalIpAddress,
  embeddedIpv4,
  formatIpAddress,
  type IpAddress,
  isOddIpv4Notation,
  kindOfAddress,
  parseIpAddress,
} from '../../src/kernel/ip-address.ts';
import { many } from '../support/property-runs.ts';

const octet = fc.integer({ min: 0, max: 255 });
const ipv4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
const group = fc.oneof(fc.constantFrom(0, 0, 0, 1, 0xffff), fc.integer({ min: 0, max: 0xffff }));
const hextets = fc.array(group, { minLength: 8, maxLength: 8 });
/** IPv6 in all its spellings: leading zeros, upper case, `::`, a dotted end. */
const ipv6 = fc.oneof(
  fc.ipV6(),
  hextets.map((groups) => groups.map((one) => one.toString(16)).join(':')),
);

/** Text that looks like an address but mostly is none. */
const nearly = fc
  .tuple(
    fc.oneof(ipv4, ipv6, fc.constantFrom('::', '1::', '::1', '::ffff:1.2.3.4', '1.2.3.4::', '::1.2.3.4:5')),
    fc.nat(),
    fc.constantFrom('', ':', '::', '.', '0', '00', 'f', 'g', '1.2.3.4', ' ', '-', '/8', '256'),
    fc.integer({ min: 0, max: 2 }),
  )
  .map(([text, place, insert, drop]) => {
    const at = place % (text.length + 1);
    return text.slice(0, at) + insert + text.slice(at + drop);
  });

const parse = (text: string): IpAddress => {
  const address = parseIpAddress(text);
  if (!address) throw new RangeError(text);
  return address;
};

describe('an address', () => {
  it('is what the platform takes for one, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.oneof(ipv4, ipv6, nearly, fc.string({ unit: fc.constantFrom(...'0129af:.'), maxLength: 20 })),
        (text) => {
          expect(parseIpAddress(text) !== undefined).toBe(isIP(text) !== 0);
        },
      ),
      many(),
    );
  });

  it('is written as RFC 5952 says, which is how URLs write it', () => {
    fc.assert(
      fc.property(ipv6, (text) => {
        const address = parse(text);
        fc.pre(address.version === 6);
        expect(`[${formatIpAddress(address)}]`).toBe(new URL(`http://[${text}]/`).hostname);
      }),
      many(),
    );
  });

  it('reads back as itself', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (text) => {
        expect(parse(formatIpAddress(parse(text)))).toEqual(parse(text));
      }),
      many(),
    );
  });

  it.each([
    ['2001:DB8::0001', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['::1.2.3.4', '::102:304'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['[::1]', '::1'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('%s is written %s', (text, canonical) => {
    expect(canonicalIpAddress(text)).toBe(canonical);
  });

  it.each(['::ffff:192.0.2.1', '::FFFF:c000:201', '0:0:0:0:0:ffff:192.0.2.1', '[::ffff:192.0.2.1]'])(
    'mapped as %s counts as IPv4',
    (text) => {
      expect(parse(text)).toEqual({ version: 4, value: 0xc0000201n });
      expect(canonicalIpAddress(text)).toBe('192.0.2.1');
    },
  );

  it.each([
    '',
    ':',
    ':::',
    '1::2::3',
    '1.2.3.4::',
    '1.2.3.4::1',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:1.2.3.4',
    '12345::',
    '::1.2.3',
    '::01.2.3.4',
    '[::1',
    '::1]',
    'localhost',
    '1.2.3.4 ',
    '１.2.3.4',
  ])('is not %s', (text) => {
    expect(parseIpAddress(text)).toBeUndefined();
  });
});

describe('an IPv4 notation that resolvers read and this program does not', () => {
  it.each([
    '0x7f.1',
    '0x7f000001',
    '2130706433',
    '017700000001',
    '0177.0.0.1',
    '127.1',
    '127.0.1',
    '0',
    '0x',
    '127.0.0.1.',
    '00000127.0.0.1',
    '0X7F.0.0.1',
  ])('is %s', (text) => {
    expect(parseIpAddress(text)).toBeUndefined();
    expect(isOddIpv4Notation(text)).toBe(true);
  });

  it.each(['127.0.0.1', 'example.test', '1.2.3.4.5', 'a.1', '1.2.3.4.test', '::1', 'face.b00c', '0x7g'])(
    'is not %s',
    (text) => {
      expect(isOddIpv4Notation(text)).toBe(false);
    },
  );

  it('is everything that URLs turn into an IPv4 address', () => {
    const part = fc.oneof(
      fc.integer({ min: 0, max: 300 }).map(String),
      fc.nat(0xffff_ffff).map(String),
      fc.nat(0xffff_ffff).map((n) => `0x${n.toString(16)}`),
      fc.nat(0xffff_ffff).map((n) => `0${n.toString(8)}`),
      fc.constantFrom('0', '0x', '00', '0X7f', 'a', 'f', ''),
    );
    const text = fc
      .tuple(fc.array(part, { minLength: 1, maxLength: 5 }), fc.constantFrom('', '.'))
      .map(([parts, end]) => parts.join('.') + end);
    fc.assert(
      fc.property(text, (host) => {
        const url = URL.parse(`http://${host}/`);
        fc.pre(url !== null && isIP(url.hostname) === 4);
        expect(parseIpAddress(host) !== undefined || isOddIpv4Notation(host)).toBe(true);
      }),
      many(),
    );
  });
});

/** The registries again, as blocks: first match counts. */
const KINDS: readonly (readonly [AddressKind, readonly string[]])[] = [
  ['unspecified', ['0.0.0.0/32', '::/128']],
  ['broadcast', ['255.255.255.255/32']],
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']],
  ['link_local', ['169.254.0.0/16', 'fe80::/10']],
  ['shared', ['100.64.0.0/10']],
  ['multicast', ['224.0.0.0/4', 'ff00::/8']],
  ['unique_local', ['fc00::/7']],
  [
    'reserved',
    [
      '0.0.0.0/8',
      '192.0.0.0/24',
      '192.0.2.0/24',
      '192.88.99.0/24',
      '198.18.0.0/15',
      '198.51.100.0/24',
      '203.0.113.0/24',
      '240.0.0.0/4',
      '2001:db8::/32',
    ],
  ],
  ['public', ['0.0.0.0/0', '2000::/3']],
  ['reserved', ['::/0']],
];

const BLOCKS = KINDS.map(([kind, blocks]) => {
  const list = new BlockList();
  for (const block of blocks) {
    const [base = '', prefix = ''] = block.split('/');
    list.addSubnet(base, Number(prefix), base.includes(':') ? 'ipv6' : 'ipv4');
  }
  return [kind, list] as const;
});

function expectedKind(text: string): AddressKind | undefined {
  const version = isIP(text) === 4 ? 'ipv4' : 'ipv6';
  return BLOCKS.find(([, list]) => list.check(text, version))?.[0];
}

/** The first and last address of every block, their neighbours, and anything in between. */
const edges = KINDS.flatMap(([, blocks]) => blocks).flatMap((block) => {
  const [base = '', prefix = ''] = block.split('/');
  const { version, value } = parse(base);
  const bits = version === 4 ? 32 : 128;
  const size = 1n << BigInt(bits - Number(prefix));
  return [value - 1n, value, value + size - 1n, value + size]
    .filter((edge) => edge >= 0n && edge < 1n << BigInt(bits))
    .map((edge) => formatIpAddress({ version, value: edge }));
});

describe('the kind of an address', () => {
  it.each([...new Set(edges)])('is told apart at the edge %s', (text) => {
    expect(kindOfAddress(parse(text))).toBe(expectedKind(text));
  });

  it('is what the registries say', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (text) => {
        const address = parse(text);
        expect(kindOfAddress(address)).toBe(expectedKind(formatIpAddress(address)));
      }),
      many(),
    );
  });
});

describe('an IPv4 address inside an IPv6 one', () => {
  const halves = (text: string) => {
    const { value } = parse(text);
    return [(value >> 16n).toString(16), (value & 0xffffn).toString(16)] as const;
  };

  const forms: Readonly<Record<string, (text: string) => string>> = {
    'IPv4-compatible': (text) => `::${text}`,
    '6to4': (text) => `2002:${halves(text).join(':')}::1`,
    NAT64: (text) => `64:ff9b::${text}`,
    'local NAT64': (text) => `64:ff9b:1:2:3:4:${halves(text).join(':')}`,
    'local NAT64 under a /48': (text) => `64:ff9b:1:${halves(text)[0]}:${spread(text, 16)}::`,
    'local NAT64 under a /56': (text) => `64:ff9b:1:${octetsOf(text).slice(0, 2)}:${spread(text, 8)}:0:0`,
    'local NAT64 under a /64': (text) => `64:ff9b:1:0:${spread(text, 0)}:0`,
    'Teredo server': (text) => `2001:0:${halves(text).join(':')}:0:ffff:ffff:ffff`,
    'Teredo client': (text) => `2001:0:808:808:0:ffff:${halves(inverted(text)).join(':')}`,
    ISATAP: (text) => `2001:db8::5efe:${text}`,
    'ISATAP of a global address': (text) => `fd00::200:5efe:${text}`,
    'IPv4-translated': (text) => `::ffff:0:${text}`,
  };

  it('is found in every form that hides one', () => {
    fc.assert(
      fc.property(ipv4, fc.constantFrom(...Object.keys(forms)), (text, form) => {
        fc.pre(parse(text).value >> 24n > 0n);
        const hidden = forms[form]?.(text) ?? '';
        expect(embeddedIpv4(parse(hidden)).map(formatIpAddress)).toContain(text);
      }),
      many(),
    );
  });

  it('is not made up', () => {
    expect(embeddedIpv4(parse('2606:4700::1111'))).toEqual([]);
    expect(embeddedIpv4(parse('::'))).toEqual([]);
    expect(embeddedIpv4(parse('::1'))).toEqual([]);
    expect(embeddedIpv4(parse('127.0.0.1'))).toEqual([]);
  });
});

/** Eight hexadecimal digits. */
function octetsOf(text: string): string {
  return parse(text).value.toString(16).padStart(8, '0');
}

/** Groups that begin with the octet RFC 6052 keeps zero, then the address from this bit on. */
function spread(text: string, fromBit: number): string {
  const rest = `00${octetsOf(text).slice(fromBit / 4)}`;
  return (rest.padEnd(Math.ceil(rest.length / 4) * 4, '0').match(/.{4}/g) ?? []).join(':');
}

function inverted(text: string): string {
  return formatIpAddress({ version: 4, value: parse(text).value ^ 0xffff_ffffn });
}
