import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isExemptFromProxy } from '../../src/kernel/no-proxy.ts';
import { many } from '../support/property-runs.ts';

const isExempt = (url: string, noProxy: string) => {
  const { protocol, hostname, port } = new URL(url);
  const target = { hostname, port: Number(port || (protocol === 'https:' ? 443 : 80)) };
  return isExemptFromProxy(target, noProxy);
};

describe('NO_PROXY', () => {
  it.each([
    ['https://a.test', '*'],
    ['https://a.test', '*:443'],
    ['https://a.test', 'a.test'],
    ['https://A.test', 'a.TEST'],
    ['https://a.test', 'a.test.'],
    ['https://a.test.', 'a.test'],
    ['https://a.test', 'b.test,a.test'],
    ['https://a.test', ' b.test , a.test '],
    ['https://a.test', 'b.test a.test'],
    ['https://x.y.a.test', '.a.test'],
    ['https://x.y.a.test', '*.a.test'],
    ['https://x.y.a.test', 'a.test'],
    ['https://a.test', '.a.test'],
    ['https://a.test', 'a.test:443'],
    ['http://a.test', 'a.test:80'],
    ['https://a.test:8443', 'a.test:8443'],
    ['https://x.a.test:8443', '.a.test:8443'],
    ['https://a.test:8443', 'a.test'],
    ['https://10.0.0.1', '10.0.0.1'],
    ['https://10.0.0.1:8443', '10.0.0.1:8443'],
    ['https://10.9.8.7', '10.0.0.0/8'],
    ['https://10.9.8.7', '10.1.2.3/8'],
    ['https://10.9.8.7:8443', '10.0.0.0/8:8443'],
    ['https://10.9.8.7', '0.0.0.0/0'],
    ['https://[::ffff:10.9.8.7]', '10.0.0.0/8'],
    ['https://10.9.8.7', '::ffff:10.0.0.0/104'],
    ['https://[2001:db8::1]', '2001:db8::1'],
    ['https://[2001:db8::1]', '[2001:DB8:0::1]'],
    ['https://[2001:db8::1]:8443', '[2001:db8::1]:8443'],
    ['https://[2001:db8:7::1]', '2001:db8::/32'],
    ['https://[2001:db8:7::1]', '[2001:db8::]/32'],
    ['https://[2001:db8:7::1]:8443', '[2001:db8::]/32:8443'],
    ['https://localhost', 'localhost,127.0.0.1'],
  ])('lets %s go direct with "%s"', (url, noProxy) => {
    expect(isExempt(url, noProxy)).toBe(true);
  });

  it.each([
    ['https://a.test', ''],
    ['https://a.test', ',, ,'],
    ['https://a.test', '.'],
    ['https://a.test', 'b.test'],
    ['https://a.test', 'x.a.test'],
    ['https://xa.test', 'a.test'],
    ['https://xa.test', '.a.test'],
    ['https://xa.test', '*a.test'],
    ['https://a.test', 'a.test:8443'],
    ['https://a.test:8443', 'a.test:443'],
    ['http://a.test', 'a.test:443'],
    ['https://a.test', '*:8443'],
    ['https://a.test.evil.test', '.a.test'],
    ['https://11.0.0.1', '10.0.0.0/8'],
    ['https://10.0.0.1', '10.0.0.0/33'],
    ['https://10.0.0.1', '10.0.0.0/8:8443'],
    ['https://10.0.0.1', '10.0.0'],
    ['https://10.0.0.1', '0.0.1'],
    ['https://10.0.0.1', '::/0'],
    ['https://a.test', '0.0.0.0/0'],
    ['https://x.10.0.0.1.test', '10.0.0.1'],
    ['https://[2001:db8::1]', '2001:db8::2'],
    ['https://[2001:db8::1]', '[2001:db8::1]:8443'],
    ['https://[2001:db9::1]', '2001:db8::/32'],
  ])('sends %s through the proxy with "%s"', (url, noProxy) => {
    expect(isExempt(url, noProxy)).toBe(false);
  });

  const label = fc.constantFrom('a', 'b', 'ab', 'corp', 'test');
  const name = fc.array(label, { minLength: 1, maxLength: 4 });
  const port = fc.constantFrom(80, 443, 8443);
  const entry = fc.record({
    labels: name,
    prefix: fc.constantFrom('', '.', '*.'),
    port: fc.option(port),
    isUpper: fc.boolean(),
  });

  it('covers exactly the names that end with the labels of an entry, on its port', () => {
    fc.assert(
      fc.property(name, port, fc.array(entry, { maxLength: 3 }), (host, asked, entries) => {
        const list = entries.map((one) => {
          const text = `${one.prefix}${one.labels.join('.')}${one.port === null ? '' : `:${one.port}`}`;
          return one.isUpper ? text.toUpperCase() : text;
        });
        const expected = entries.some(
          (one) =>
            (one.port === null || one.port === asked) &&
            host.slice(-one.labels.length).join('.') === one.labels.join('.'),
        );
        expect(isExemptFromProxy({ hostname: host.join('.'), port: asked }, list.join(','))).toBe(expected);
      }),
      many(),
    );
  });

  it.each(['ipv4', 'ipv6'] as const)('holds the addresses of a block as the platform does, %s', (family) => {
    const bits = family === 'ipv4' ? 32 : 128;
    const address = family === 'ipv4' ? fc.ipV4() : fc.ipV6();
    const flipped = fc.boolean();
    fc.assert(
      fc.property(
        address,
        address,
        flipped,
        fc.integer({ min: 0, max: bits }),
        (base, far, isFar, prefix) => {
          const asked = isFar ? far : base;
          // An IPv4 address in IPv6 spelling is IPv4 here, and not for the platform.
          fc.pre(![asked, base].some((text) => /^[0:]*:ffff:/i.test(text)));
          const oracle = new BlockList();
          oracle.addSubnet(base, prefix, family);
          const isInside = isExemptFromProxy({ hostname: asked, port: 443 }, `x.test,${base}/${prefix}`);
          expect(isInside).toBe(oracle.check(asked, family));
        },
      ),
      many(),
    );
  });
});
