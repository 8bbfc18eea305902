import { describe, expect, it } from 'vitest';
import { type ProxyVariables, proxyFor } from '../../../src/gateway/outbound/proxy-settings.ts';

const PROXY = 'http://proxy.test:3128';

function proxyOf(url: string, variables: Partial<ProxyVariables>): string | undefined {
  const { protocol, hostname, port } = new URL(url);
  const target = {
    protocol,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port || (protocol === 'https:' ? '443' : '80'),
  };
  return proxyFor(target, { httpsProxy: undefined, httpProxy: undefined, noProxy: undefined, ...variables })
    ?.href;
}

describe('the proxy of a target', () => {
  it('is the one of its scheme', () => {
    const variables = { httpsProxy: 'http://secure.test:1', httpProxy: 'http://plain.test:2' };
    expect(proxyOf('https://a.test', variables)).toBe('http://secure.test:1/');
    expect(proxyOf('http://a.test', variables)).toBe('http://plain.test:2/');
    expect(proxyOf('http://a.test', { httpsProxy: PROXY })).toBeUndefined();
    expect(proxyOf('https://a.test', { httpProxy: PROXY })).toBeUndefined();
    expect(proxyOf('https://a.test', { httpsProxy: '' })).toBeUndefined();
  });

  it.each([
    ['proxy.test:3128', 'http://proxy.test:3128/'],
    ['10.0.0.1:3128', 'http://10.0.0.1:3128/'],
    ['ada:word@proxy.test:3128', 'http://ada:word@proxy.test:3128/'],
    ['https://proxy.test', 'https://proxy.test/'],
    ['HTTP://proxy.test', 'http://proxy.test/'],
  ])('may be written %s', (written, href) => {
    expect(proxyOf('https://a.test', { httpsProxy: written })).toBe(href);
  });

  it.each([
    'socks5://ada:hunter2@proxy.test',
    'http://ada:hunter2@pro xy.test',
    'http://ada:hunter2@:3128',
    'ada:hunter2@proxy.test:port',
  ])('that is none is an error that does not repeat it: %s', (written) => {
    try {
      proxyOf('https://a.test', { httpsProxy: written });
      expect.unreachable();
    } catch (error) {
      expect(String(error)).toBe('Error: HTTPS_PROXY is not the http:// or https:// URL of a proxy');
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('hunter2');
    }
  });
});

describe('NO_PROXY', () => {
  const isExempt = (url: string, noProxy: string) =>
    proxyOf(url, { httpsProxy: PROXY, httpProxy: PROXY, noProxy }) === undefined;

  it.each([
    ['https://a.test', '*'],
    ['https://a.test', 'a.test'],
    ['https://A.test', 'a.TEST'],
    ['https://a.test', 'a.test.'],
    ['https://a.test', 'b.test,a.test'],
    ['https://a.test', ' b.test , a.test '],
    ['https://a.test', 'b.test a.test'],
    ['https://x.a.test', '.a.test'],
    ['https://x.y.a.test', '.a.test'],
    ['https://x.a.test', '*.a.test'],
    ['https://a.test', '.a.test'],
    ['https://a.test', 'a.test:443'],
    ['http://a.test', 'a.test:80'],
    ['https://a.test:8443', 'a.test:8443'],
    ['https://a.test:8443', 'a.test'],
    ['https://10.0.0.1', '10.0.0.1'],
    ['https://10.0.0.1:8443', '10.0.0.1:8443'],
    ['https://[2001:db8::1]', '2001:db8::1'],
    ['https://[2001:db8::1]', '[2001:DB8:0::1]'],
    ['https://[2001:db8::1]:8443', '[2001:db8::1]:8443'],
    ['https://localhost', 'localhost,127.0.0.1'],
  ])('lets %s go direct with "%s"', (url, noProxy) => {
    expect(isExempt(url, noProxy)).toBe(true);
  });

  it.each([
    ['https://a.test', ''],
    ['https://a.test', ',, ,'],
    ['https://a.test', 'b.test'],
    ['https://xa.test', 'a.test'],
    ['https://xa.test', '.a.test'],
    ['https://x.a.test', 'a.test'],
    ['https://a.test', 'a.test:8443'],
    ['https://a.test:8443', 'a.test:443'],
    ['http://a.test', 'a.test:443'],
    ['https://a.test.evil.test', '.a.test'],
    ['https://10.0.0.1', '10.0.0.0/8'],
    ['https://10.0.0.1', '10.0.0'],
    ['https://[2001:db8::1]', '2001:db8::2'],
    ['https://[2001:db8::1]', '[2001:db8::1]:8443'],
  ])('sends %s through the proxy with "%s"', (url, noProxy) => {
    expect(isExempt(url, noProxy)).toBe(false);
  });
});
