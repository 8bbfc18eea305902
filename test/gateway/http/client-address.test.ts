import { afterEach, describe, expect, it } from 'vitest';
import {
  type ClientAddress,
  createClientAddress,
  withoutPort,
} from '../../../src/gateway/http/client-address.ts';
import { route, startListener, type TestListener } from '../../support/listener.ts';
import { exchangeRaw } from '../../support/raw-http.ts';

let listener: TestListener | undefined;

afterEach(() => listener?.close());

/** What the gateway makes of a request from 127.0.0.1 with these `X-Forwarded-For` lines. */
async function addressOf(
  trustedProxies: readonly string[],
  ...forwarded: string[]
): Promise<ClientAddress | undefined> {
  let found: ClientAddress | undefined;
  const find = createClientAddress(trustedProxies);
  listener = await startListener([route((_request, reply) => reply.json(200, {}))], {
    parts: {
      clientAddress: (message) => {
        found = find(message);
        return found;
      },
    },
  });
  const lines = forwarded.map((value) => `X-Forwarded-For: ${value}\r\n`).join('');
  await exchangeRaw(listener.port, `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines}\r\n`);
  await listener.close();
  return found;
}

const PROXIES = ['127.0.0.1', '10.0.0.0/8', '2001:db8:ffff::/48'];

describe('the client', () => {
  it('is the TCP peer when no proxy is trusted, whatever a header says', async () => {
    expect(await addressOf([], '203.0.113.7')).toMatchObject({ kind: 'known', ip: '127.0.0.1' });
  });

  it('is the TCP peer when that is not a trusted proxy', async () => {
    expect(await addressOf(['10.0.0.0/8'], '203.0.113.7')).toMatchObject({ kind: 'known', ip: '127.0.0.1' });
  });

  it('is the trusted proxy itself when it forwards for nobody', async () => {
    expect(await addressOf(PROXIES)).toMatchObject({ kind: 'known', ip: '127.0.0.1' });
  });

  it.each([
    ['one hop', ['203.0.113.7'], '203.0.113.7'],
    [
      'the first untrusted hop from the right',
      ['198.51.100.1, 203.0.113.7, 10.1.1.1, 10.2.2.2'],
      '203.0.113.7',
    ],
    ['nothing to the left of that', ['garbage, 203.0.113.7, 10.1.1.1'], '203.0.113.7'],
    ['the leftmost when all are trusted', ['10.3.3.3, 10.2.2.2, 10.1.1.1'], '10.3.3.3'],
    ['several lines as one list', ['198.51.100.1, 203.0.113.7', '10.1.1.1', '10.2.2.2'], '203.0.113.7'],
    ['a last line of its own', ['198.51.100.1', '203.0.113.7'], '203.0.113.7'],
    ['an address with its port', ['1.2.3.4:5678'], '1.2.3.4'],
    ['a bracketed address with its port', ['[::1]:9'], '::1'],
    ['a bracketed address', ['[2001:db8::7]'], '2001:db8::7'],
    ['IPv6 in canonical form', ['2001:0DB8:0:0:0:0:0:7'], '2001:db8::7'],
    ['an IPv4-mapped address as IPv4', ['::ffff:203.0.113.7'], '203.0.113.7'],
    ['an IPv4-mapped trusted hop as trusted', ['203.0.113.7, ::ffff:10.1.1.1'], '203.0.113.7'],
    ['a trusted IPv6 hop as trusted', ['2001:db8::7, 2001:db8:ffff::1'], '2001:db8::7'],
    [
      'trusted hops with ports as trusted',
      ['203.0.113.7:80, 10.1.1.1:443, [2001:db8:ffff::1]:443'],
      '203.0.113.7',
    ],
    ['blanks around entries', ['  203.0.113.7  ,\t10.1.1.1 '], '203.0.113.7'],
  ])('is %s', async (_, lines, ip) => {
    expect(await addressOf(PROXIES, ...lines)).toMatchObject({ kind: 'known', ip });
  });

  it.each([
    ['garbage', 'garbage', '127.0.0.1'],
    ['203.0.113.7, garbage', 'garbage', '127.0.0.1'],
    ['203.0.113.7, garbage, 10.1.1.1', 'garbage', '10.1.1.1'],
    ['203.0.113.7,', '', '127.0.0.1'],
    ['203.0.113.7,,10.1.1.1', '', '10.1.1.1'],
    ['unknown', 'unknown', '127.0.0.1'],
    ['_hidden', '_hidden', '127.0.0.1'],
    ['0x7f000001', '0x7f000001', '127.0.0.1'],
    ['2130706433', '2130706433', '127.0.0.1'],
    ['0177.0.0.1', '0177.0.0.1', '127.0.0.1'],
    ['010.1.1.1', '010.1.1.1', '127.0.0.1'],
    ['127.1', '127.1', '127.0.0.1'],
    ['256.1.1.1', '256.1.1.1', '127.0.0.1'],
    ['1.2.3.4.5', '1.2.3.4.5', '127.0.0.1'],
    ['1.2.3.4/32', '1.2.3.4/32', '127.0.0.1'],
    ['1.2.3.4:port', '1.2.3.4:port', '127.0.0.1'],
    ['[::1', '[::1', '127.0.0.1'],
    ['::g', '::g', '127.0.0.1'],
    ['for=203.0.113.7', 'for=203.0.113.7', '127.0.0.1'],
  ])('cannot be told from "%s"; the last believable hop is', async (line, entry, proxy) => {
    expect(await addressOf(PROXIES, line)).toMatchObject({ kind: 'unparseable', entry, proxy });
  });
});

describe('a trusted proxy', () => {
  it.each([['127.0.0.1:8080'], ['[::ffff:127.0.0.1]:443'], ['127.0.0.0/8'], ['::ffff:127.0.0.0/104']])(
    'may be written as %s',
    async (entry) => {
      expect(await addressOf([entry], '203.0.113.7')).toMatchObject({ ip: '203.0.113.7' });
    },
  );

  it('loses its port, and nothing else does', () => {
    expect(['10.0.0.1:80', '[::1]:80', '[::1]', '::1:80', '10.0.0.0/8', 'host:80'].map(withoutPort)).toEqual([
      '10.0.0.1',
      '::1',
      '::1',
      '::1:80',
      '10.0.0.0/8',
      'host',
    ]);
  });
});
