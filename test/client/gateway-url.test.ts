import { describe, expect, it } from 'vitest';
import { parseGatewayUrl } from '../../src/client/gateway-url.ts';

describe('a gateway address', () => {
  it.each([
    ['gateway.example.test', 'https://gateway.example.test', 443],
    ['gateway.example.test:8443', 'https://gateway.example.test:8443', 8443],
    [' https://Gateway.Example.TEST/ ', 'https://gateway.example.test', 443],
    ['https://gateway.example.test.', 'https://gateway.example.test', 443],
    ['http://localhost:8080', 'http://localhost:8080', 8080],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080', 8080],
    ['http://[::1]:8080', 'http://[::1]:8080', 8080],
    ['https://[fd00::1]', 'https://[fd00::1]', 443],
  ])('%s means %s', (text, origin, port) => {
    expect(parseGatewayUrl(text)).toMatchObject({ origin, port });
  });

  it('has a hostname without brackets, as certificates and resolvers know it', () => {
    expect(parseGatewayUrl('https://[fd00::1]:1').hostname).toBe('fd00::1');
  });

  it('sees through odd notations of an address', () => {
    expect(parseGatewayUrl('https://0xcb007107').hostname).toBe('203.0.113.7');
  });

  it.each([
    'http://gateway.example.test',
    'http://10.0.0.1',
    'http://localhost.example.test',
    'ftp://localhost',
    'http://127.example.test',
  ])('refuses %s as insecure', (text) => {
    expect(() => parseGatewayUrl(text)).toThrow(expect.objectContaining({ code: 'insecure_url' }));
  });

  it.each([
    '',
    'https://',
    'https://user:pw@gateway.example.test',
    'gateway.example.test/path',
    'https://g.test/?a=1',
    'https://g.test/#x',
    'not a host',
  ])('refuses "%s" as bad usage', (text) => {
    expect(() => parseGatewayUrl(text)).toThrow(expect.objectContaining({ code: 'bad_usage' }));
  });
});
