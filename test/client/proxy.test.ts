import { describe, expect, it } from 'vitest';
import { parseGatewayUrl } from '../../src/client/gateway-url.ts';
import { proxyFor } from '../../src/client/proxy.ts';

const gateway = parseGatewayUrl('https://gateway.corp.example.test:8443');
const HTTPS_PROXY = 'http://proxy.example.test:3128';
const isProxied = (env: Record<string, string>, url = gateway) => proxyFor(url, env) !== undefined;

describe('the proxy of the environment', () => {
  it('is HTTPS_PROXY, else HTTP_PROXY, lower case first', () => {
    const labels = (env: Record<string, string>) => proxyFor(gateway, env)?.label;
    expect(labels({})).toBeUndefined();
    expect(labels({ HTTP_PROXY: 'http://b.test:1' })).toBe('b.test:1');
    expect(labels({ HTTP_PROXY: 'http://b.test:1', HTTPS_PROXY: 'http://a.test:1' })).toBe('a.test:1');
    expect(labels({ https_proxy: 'http://c.test:1', HTTPS_PROXY: 'http://a.test:1' })).toBe('c.test:1');
    expect(labels({ HTTPS_PROXY: 'proxy.test' })).toBe('proxy.test:80');
    expect(labels({ HTTPS_PROXY: 'https://proxy.test' })).toBe('proxy.test:443');
  });

  it('never leads to this machine itself', () => {
    expect(
      isProxied({ HTTPS_PROXY, HTTP_PROXY: HTTPS_PROXY }, parseGatewayUrl('http://127.0.0.1:8080')),
    ).toBe(false);
    expect(isProxied({ HTTPS_PROXY }, parseGatewayUrl('https://localhost'))).toBe(false);
  });

  it.each(['*', 'gateway.corp.example.test', 'corp.example.test', 'localhost, .example.test:8443'])(
    'is not used with NO_PROXY=%s',
    (NO_PROXY) => {
      expect(isProxied({ HTTPS_PROXY, NO_PROXY })).toBe(false);
      expect(isProxied({ HTTPS_PROXY, no_proxy: NO_PROXY, NO_PROXY: 'other' })).toBe(false);
    },
  );

  it.each(['', 'other.example.test', 'gateway.corp.example.test:443', '10.0.0.0/8'])(
    'is used with NO_PROXY=%s',
    (NO_PROXY) => {
      expect(isProxied({ HTTPS_PROXY, NO_PROXY })).toBe(true);
    },
  );

  it('is not used for an address that NO_PROXY names, alone or in a block', () => {
    const address = parseGatewayUrl('https://10.1.2.3');
    expect(isProxied({ HTTPS_PROXY, NO_PROXY: '10.0.0.0/8' }, address)).toBe(false);
    expect(isProxied({ HTTPS_PROXY, NO_PROXY: '10.1.2.3' }, address)).toBe(false);
    expect(isProxied({ HTTPS_PROXY, NO_PROXY: '192.168.0.0/16' }, address)).toBe(true);
    const literal = parseGatewayUrl('https://[fd00::1]:8443');
    expect(isProxied({ HTTPS_PROXY, NO_PROXY: '[fd00::1]:8443' }, literal)).toBe(false);
    expect(isProxied({ HTTPS_PROXY, NO_PROXY: 'fd00::/8' }, literal)).toBe(false);
  });

  it('keeps its credentials out of what is printed', () => {
    const proxy = proxyFor(gateway, { HTTPS_PROXY: 'http://ada:100%@proxy.test:1' });
    expect(proxy?.label).toBe('proxy.test:1');
    expect(proxy?.authorization).toBe(`Basic ${Buffer.from('ada:100%').toString('base64')}`);
  });

  it.each(['socks5://proxy.test:1080', 'http://', '://'])('refuses %s', (value) => {
    expect(() => proxyFor(gateway, { HTTPS_PROXY: value })).toThrow(
      expect.objectContaining({ code: 'bad_usage' }),
    );
  });
});
