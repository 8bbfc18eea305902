import { describe, expect, it } from 'vitest';
import { adviceOf, configOf, errorsOf, fileWith, warningsOf } from './config-file.ts';

const listen = (lines: string) =>
  fileWith({
    listen: `listen:\n${lines}`,
    access_control: 'access_control: { allow_cidrs: [10.0.0.0/8] }\n',
  });

describe('listen', () => {
  it('has defaults', () => {
    expect(configOf(listen('  public_url: https://gw.example.com\n')).listen).toEqual({
      host: '0.0.0.0',
      port: 8080,
      public_url: 'https://gw.example.com',
      trusted_proxies: [],
      keep_alive_seconds: 620,
    });
  });

  it.each(['127.0.0.1', '127.9.9.9', '"::1"', '"[::1]"', '"::ffff:127.0.0.1"', 'localhost'])(
    'needs no public_url on %s',
    (host) => {
      expect(errorsOf(listen(`  host: ${host}\n`))).toEqual([]);
    },
  );

  it.each([
    '0.0.0.0',
    '10.0.0.1',
    '"::"',
    'gw.example.com',
    'localhost.example.com',
    '127.0.0.1.example.com',
  ])('needs public_url on %s', (host) => {
    expect(adviceOf(listen(`  host: ${host}\n`))).toEqual([
      'listen.public_url is required unless listen.host is a loopback address; add public_url: https://<where developers reach the gateway>',
    ]);
  });

  it('needs public_url with port 0, also on loopback: links and tokens could not name the port', () => {
    const problems = adviceOf(listen('  host: 127.0.0.1\n  port: 0\n'));
    expect(problems).toEqual([
      'listen.public_url is required with port: 0, which is another port at each start; name a port, or add public_url: https://<where developers reach the gateway>',
    ]);
    expect(errorsOf(listen('  port: 0\n  public_url: https://gw.example.com\n'))).toEqual([]);
  });

  it('says once that a public_url is wrong, and not that it is missing as well', () => {
    expect(errorsOf(listen('  public_url: gw.example.com\n'))).toEqual([
      'listen.public_url must be an origin: https://host, with a port if need be, and no path, found "gw.example.com"',
    ]);
  });

  it.each([
    ['https://gw.example.com/', 'https://gw.example.com'],
    ['https://GW.example.com:8443', 'https://gw.example.com:8443'],
    ['https://gw.example.com:443', 'https://gw.example.com'],
  ])('reads the public URL %s', (written, meant) => {
    expect(configOf(listen(`  public_url: ${written}\n`)).listen.public_url).toBe(meant);
  });

  it.each([
    'https://gw.example.com/base',
    'https://user@gw.example.com',
    'https://gw.example.com?a=b',
    'https://gw.example.com#a',
    'ftp://gw.example.com',
    'https://',
    'https://a b',
    'https:gw.example.com',
    'https://gw.example.com\\\\@evil.example',
    'https://gw.example.com:99999',
  ])('refuses the public URL %s', (url) => {
    expect(errorsOf(listen(`  public_url: "${url}"\n`))[0]).toMatch(/^listen\.public_url must be an origin/);
  });

  it('warns of a public URL without TLS, but not on this machine', () => {
    const plain = listen('  public_url: http://gw.example.com\n');
    expect(warningsOf(plain)).toEqual([expect.stringContaining('listen.public_url is plain http')]);
    for (const host of ['127.0.0.1:8080', 'localhost', '[::1]:8080'])
      expect(warningsOf(listen(`  public_url: http://${host}\n`))).toEqual([]);
  });

  it('needs certificate and key together', () => {
    const tls = (inside: string) => errorsOf(listen(`  host: 127.0.0.1\n  tls: ${inside}\n`));
    expect(tls('{ cert: /a }')).toEqual(['listen.tls.key is required']);
    expect(tls('{ key: /a }')).toEqual(['listen.tls.cert is required']);
    expect(tls('{ cert: /a, key: "" }')).toEqual(['listen.tls.key must be the path of a PEM file, found ""']);
    expect(tls('{ cert: /a, key: /b }')).toEqual([]);
  });

  it.each([
    '10.0.0.300',
    '10.0.0.0/33',
    '10/8',
    'proxy.example.com',
    '0x7f.1',
    '10.0.0.1:80',
    'fd00::/129',
    '""',
  ])('refuses %s as a trusted proxy', (entry) => {
    const found = errorsOf(
      listen(`  host: 127.0.0.1\n  trusted_proxies: [10.0.0.1, ${JSON.stringify(entry)}]\n`),
    );
    expect(found).toEqual([
      expect.stringMatching(/^listen\.trusted_proxies\[1\] must be an address or a block/),
    ]);
  });

  it('takes addresses and blocks of both kinds as trusted proxies', () => {
    const proxies = ['10.0.0.1', '10.0.0.0/8', 'fd00::1', 'fd00::/8', '::ffff:10.0.0.0/104'];
    const text = listen(`  host: 127.0.0.1\n  trusted_proxies: ${JSON.stringify(proxies)}\n`);
    expect(configOf(text).listen.trusted_proxies).toEqual(proxies);
  });
});

describe('access_control', () => {
  const without = (lines: string) => warningsOf(fileWith({ listen: `listen:\n${lines}` }));

  it('warns when every address is let in', () => {
    const warning = [expect.stringContaining('access_control.allow_cidrs is empty')];
    expect(without('  public_url: https://gw.example.com\n')).toEqual(warning);
    expect(without('  host: 127.0.0.1\n  public_url: https://gw.example.com\n')).toEqual(warning);
    expect(without('  host: 127.0.0.1\n  trusted_proxies: [10.0.0.1]\n')).toEqual(warning);
  });

  it('says how to let all private networks in, as it can be pasted', () => {
    const [advice = ''] = adviceOf(fileWith({ listen: 'listen: { public_url: https://gw.example.com }\n' }));
    const list = advice.slice(advice.indexOf('['));
    const text = fileWith({
      listen: 'listen: { public_url: https://gw.example.com }\n',
      access_control: `access_control: { allow_cidrs: ${list} }\n`,
    });
    expect(warningsOf(text)).toEqual([]);
    expect(configOf(text).access_control.allow_cidrs).toHaveLength(7);
  });

  it('is silent on this machine alone, and when the list has a mistake', () => {
    expect(without('  host: 127.0.0.1\n')).toEqual([]);
    const text = fileWith({
      listen: 'listen: { public_url: https://gw.example.com }\n',
      access_control: 'access_control: { allow_cidrs: [10.0.0.0/99], deny_cidrs: [x] }\n',
    });
    expect(warningsOf(text)).toEqual([]);
    expect(errorsOf(text)).toHaveLength(2);
  });
});
