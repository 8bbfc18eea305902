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
  it.each([
    ['https://a.test', 'a.test', true],
    ['https://a.test:8443', 'a.test:443', false],
    ['http://a.test', 'a.test:80', true],
    ['https://10.1.2.3', '10.0.0.0/8', true],
    ['https://[2001:db8::1]:8443', '[2001:db8::1]:8443', true],
    ['https://b.test', 'a.test', false],
  ])('decides about %s with "%s"', (url, noProxy, isDirect) => {
    const proxy = proxyOf(url, { httpsProxy: PROXY, httpProxy: PROXY, noProxy });
    expect(proxy === undefined).toBe(isDirect);
  });
});
