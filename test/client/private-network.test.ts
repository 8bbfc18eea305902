import { describe, expect, it } from 'vitest';
import { parseGatewayUrl } from '../../src/client/gateway-url.ts';
import { parseInternalNetworks } from '../../src/client/internal-networks.ts';
import { checkGatewayHost, isPrivateAddress } from '../../src/client/private-network.ts';

const gateway = parseGatewayUrl('https://gateway.example.test');

function check(
  addresses: readonly string[],
  declared: readonly string[] = [],
  more: { isProxied?: boolean; own?: string } = {},
) {
  const view = { resolve: async () => addresses, ownAddressToward: async () => more.own ?? '11.20.0.9' };
  return checkGatewayHost(gateway, view, {
    internalNetworks: () => parseInternalNetworks(declared),
    isProxied: more.isProxied ?? false,
  });
}

describe('a private address', () => {
  it.each([
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.1.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '::1',
    'fd12::1',
    'fe80::1%eth0',
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
  ])('is %s', (address) => {
    expect(isPrivateAddress(address)).toBe(true);
  });

  it.each([
    '203.0.113.7',
    '172.32.0.1',
    '100.128.0.1',
    '192.169.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '2001:db8::1',
    'ff02::1',
    '::ffff:203.0.113.7',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    '::a00:1',
    'fec0::1',
    'nonsense',
  ])('is not %s', (address) => {
    expect(isPrivateAddress(address)).toBe(false);
  });
});

describe('a gateway host', () => {
  it('may have several private addresses, all of which may be connected to', async () => {
    expect((await check(['10.0.0.1', 'fd00::1'])).addresses).toEqual(['10.0.0.1', 'fd00::1']);
  });

  it.each([
    [['10.0.0.1', '203.0.113.7'], '203.0.113.7'],
    [['2001:db8::7', '10.0.0.1'], '2001:db8::7'],
    [['::ffff:203.0.113.7'], '::ffff:203.0.113.7'],
  ])('with the addresses %s is refused, naming the public one', async (addresses, ip) => {
    await expect(check(addresses)).rejects.toMatchObject({ code: 'public_address', facts: { ip } });
  });

  it('that does not resolve is said to be so', async () => {
    await expect(check([])).rejects.toMatchObject({ code: 'host_unresolvable' });
  });

  it('named localhost must be this machine for http://', async () => {
    const view = { resolve: async () => ['10.0.0.1'], ownAddressToward: async () => '10.0.0.2' };
    const rules = { internalNetworks: () => [], isProxied: false };
    await expect(checkGatewayHost(parseGatewayUrl('http://localhost'), view, rules)).rejects.toMatchObject({
      code: 'insecure_url',
    });
  });
});

describe('a gateway in a declared internal network', () => {
  it('is accepted when this machine is in the same block', async () => {
    const { internal } = await check(['11.20.1.1', '11.20.1.2'], ['11.20.0.0/16']);
    expect(internal).toMatchObject({ ownAddress: '11.20.0.9', network: { cidr: '11.20.0.0/16' } });
  });

  it.each([
    [
      'this machine is outside it',
      ['11.20.1.1'],
      { own: '10.1.1.1' },
      { reason: 'machine_outside', ip: '10.1.1.1' },
    ],
    [
      'another address is outside it',
      ['11.20.1.1', '11.30.1.1'],
      {},
      { reason: 'another_address', ip: '11.30.1.1' },
    ],
    [
      'another address is private',
      ['11.20.1.1', '10.0.0.1'],
      {},
      { reason: 'another_address', ip: '10.0.0.1' },
    ],
    ['the way leads through a proxy', ['11.20.1.1'], { isProxied: true }, { reason: 'proxied' }],
  ])('is refused when %s', async (_why, addresses, more, facts) => {
    await expect(check(addresses, ['11.20.0.0/16'], more)).rejects.toMatchObject({
      code: 'outside_internal_network',
      facts: { block: '11.20.0.0/16', ...facts },
    });
  });

  it('is refused when the block is another one', async () => {
    await expect(check(['11.21.0.1'], ['11.20.0.0/16'])).rejects.toMatchObject({ code: 'public_address' });
  });

  it.each([
    ['a fifth block', ['11.0.0.0/16', '12.0.0.0/16', '13.0.0.0/16', '14.0.0.0/16', '15.0.0.0/16']],
    ['an address inside the block', ['11.0.0.1/16']],
    ['too large a block', ['16.0.0.0/7']],
    ['IPv6', ['2001:db8::/32']],
    ['no prefix', ['11.0.0.1']],
    ['a strange prefix', ['11.0.0.0/33']],
    ['private space', ['10.1.0.0/16']],
    ['a block around private space', ['172.0.0.0/8']],
    ['documentation space', ['203.0.113.0/24']],
    ['multicast', ['225.0.0.0/8']],
    ['overlapping blocks', ['11.0.0.0/8', '11.5.0.0/16']],
    ['the same block twice', ['11.0.0.0/8', '11.0.0.0/8']],
    ['a number', [7]],
    ['no list', '11.0.0.0/8'],
    ['null', null],
  ])('cannot be declared by %s', (_what, value) => {
    expect(() => parseInternalNetworks(value)).toThrow(
      expect.objectContaining({ code: 'internal_networks_invalid' }),
    );
  });

  it('may lie in 240.0.0.0/4', () => {
    expect(parseInternalNetworks(['240.0.0.0/8'])[0]?.contains('240.1.2.3')).toBe(true);
  });
});
