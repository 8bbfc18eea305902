import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createOutbound, type OutboundOptions } from '../../../src/gateway/outbound/outbound.ts';
import { type ConnectProxy, startConnectProxy } from '../../support/connect-proxy.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { type SeeingServer, startSeeingServer } from '../../support/seeing-server.ts';
import { createAuthority } from '../../support/tls.ts';

const PASSWORD = 'hunter2%zz';
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'provider.test': ['10.1.2.3'],
  'six.test': ['fd00::7'],
  'both.test': ['fd00::7', '10.1.2.3'],
  'inside.test': ['127.0.0.1'],
};

const authority = createAuthority();
const closing: (() => Promise<void>)[] = [];
let secure: SeeingServer;
let plain: SeeingServer;
let proxy: ConnectProxy;

beforeAll(async () => {
  secure = await startSeeingServer(
    authority.issue(['DNS:provider.test', 'DNS:six.test', 'DNS:both.test', 'IP:10.1.2.3']),
  );
  plain = await startSeeingServer();
});

afterAll(() => Promise.all([secure.close(), plain.close()]));

beforeEach(async () => {
  proxy = await startConnectProxy(secure.port);
});

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await proxy.close();
});

function guard(options: Partial<OutboundOptions> = {}, useProxy = true) {
  const lookups: string[] = [];
  const log = createMemoryLog();
  const outbound = createOutbound(
    {
      allowLoopback: false,
      allowedOrigins: [],
      proxies: { httpsProxy: proxy.url, httpProxy: proxy.url, noProxy: undefined },
      proxyIsEgressBoundary: false,
      ...options,
    },
    {
      log,
      lookup: async (host) => {
        lookups.push(host);
        return NAMES[host] ?? [];
      },
    },
  );
  closing.push(outbound.close);
  const fetch = outbound.fetch({ useProxy, caPem: authority.certificate });
  const ask = async (url: string) => {
    const response = await fetch(url);
    return `${response.status} ${await response.text()}`;
  };
  /** The error of a request that must fail. */
  const failure = async (url: string): Promise<Error & { readonly code?: unknown }> => {
    const error = await fetch(url).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof Error && error.cause instanceof Error) return error.cause;
    throw new Error(`did not fail: ${url}`);
  };
  return { ask, failure, lookups, lines: log.lines };
}

const authorities = () => proxy.connects.map((connect) => connect.authority);

describe('through an HTTP proxy', () => {
  it('the judged address goes into CONNECT, the name into SNI, Host and certificate check', async () => {
    const { ask, lookups } = guard();
    const before = secure.seen.length;
    expect(await ask('https://provider.test/x')).toBe('200 hello');
    expect(authorities()).toEqual(['10.1.2.3:443']);
    expect(proxy.connects[0]?.headers.host).toBe('10.1.2.3:443');
    expect(secure.seen.slice(before)).toEqual([
      { host: 'provider.test', serverName: 'provider.test', path: '/x' },
    ]);
    expect(lookups).toEqual(['provider.test']);
  });

  it('a plain http:// target goes through a tunnel, too', async () => {
    await proxy.close();
    proxy = await startConnectProxy(plain.port);
    const before = plain.seen.length;
    expect(await guard().ask('http://provider.test/y')).toBe('200 hello');
    expect(authorities()).toEqual(['10.1.2.3:80']);
    expect(proxy.plainRequests).toEqual([]);
    expect(plain.seen.slice(before)).toEqual([{ host: 'provider.test', serverName: undefined, path: '/y' }]);
  });

  it('an IPv6 address is bracketed, and ports are kept', async () => {
    const { ask } = guard();
    expect(await ask('https://six.test:8443/')).toBe('200 hello');
    expect(await ask('https://10.1.2.3:9443/')).toBe('200 hello');
    expect(authorities()).toEqual(['[fd00::7]:8443', '10.1.2.3:9443']);
  });

  it.each([
    'https://inside.test/',
    'https://127.0.0.1/',
    'http://localhost/',
    'http://169.254.169.254/',
    'https://metadata.google.internal/',
    'http://[::ffff:127.0.0.1]/',
  ])('what must not be reached is not asked for: %s', async (url) => {
    const { failure, lines } = guard();
    expect(await failure(url)).toMatchObject({ code: 'address_refused', errno: 'ECONNREFUSED_SSRF' });
    expect(authorities()).toEqual([]);
    expect(lines).toEqual([expect.stringContaining('ECONNREFUSED_SSRF')]);
  });

  it('a certificate for another name is refused', async () => {
    const { failure } = guard();
    expect((await failure('https://10.9.9.9/')).code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('the next address is tried when the proxy cannot reach one, and only then', async () => {
    proxy.answer = (asked) => (asked.startsWith('[fd00::7]') ? 502 : 200);
    const { ask, failure } = guard();
    expect(await ask('https://both.test/')).toBe('200 hello');
    expect(authorities()).toEqual(['[fd00::7]:443', '10.1.2.3:443']);
    proxy.answer = () => 403;
    expect((await failure('https://both.test:1443/')).message).toBe(
      `HTTP proxy 127.0.0.1:${proxy.port}: refused the tunnel with status 403`,
    );
    expect(authorities()).toHaveLength(3);
  });

  it('any 2xx opens the tunnel', async () => {
    proxy.answer = () => 204;
    expect(await guard().ask('https://provider.test/')).toBe('200 hello');
  });

  it('a proxy that says nothing is given up', async () => {
    proxy.answer = () => 'silence';
    const { failure } = guard({ connectTimeoutMs: 50 });
    expect((await failure('https://provider.test/')).message).toBe(
      `HTTP proxy 127.0.0.1:${proxy.port}: no answer in time`,
    );
  });
});

describe('the credentials of a proxy', () => {
  const withPassword = (port: number) => {
    const url = `http://ada%40corp:${PASSWORD}@127.0.0.1:${port}`;
    return { proxies: { httpsProxy: url, httpProxy: url, noProxy: undefined } };
  };

  it('go to the proxy, decoded where they are encoded, and not into the tunnel', async () => {
    const { ask } = guard(withPassword(proxy.port));
    expect(await ask('https://provider.test/')).toBe('200 hello');
    const basic = proxy.connects[0]?.headers['proxy-authorization'];
    expect(Buffer.from(String(basic).replace('Basic ', ''), 'base64').toString()).toBe(
      `ada@corp:${PASSWORD}`,
    );
  });

  it.each([407, 403, 502])('are in no error and no log line after %d', async (status) => {
    proxy.answer = () => status;
    const { failure, lines } = guard(withPassword(proxy.port));
    const error = await failure('https://provider.test/');
    expect(error.message).toBe(
      `HTTP proxy 127.0.0.1:${proxy.port}: refused the tunnel with status ${status}`,
    );
    expect(inspect(error, { depth: 9, showHidden: true }) + lines.join()).not.toContain('hunter2');
  });

  it('are in no error when nobody is there', async () => {
    const { failure } = guard(withPassword(1));
    const error = await failure('https://provider.test/');
    expect(error.message).toBe('HTTP proxy 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1');
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2');
  });
});

describe('a proxy that is the egress boundary', () => {
  const boundary = { proxyIsEgressBoundary: true };

  it('gets the name, which is not looked up here', async () => {
    const { ask, lookups } = guard(boundary);
    expect(await ask('https://provider.test/')).toBe('200 hello');
    expect(authorities()).toEqual(['provider.test:443']);
    expect(lookups).toEqual([]);
  });

  it('gets a private literal', async () => {
    expect(await guard(boundary).ask('https://10.1.2.3/')).toBe('200 hello');
    expect(authorities()).toEqual(['10.1.2.3:443']);
  });

  it.each([
    'https://localhost/',
    'https://LOCALHOST./',
    'https://a.localhost/',
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://127.0.0.1./',
    'https://[::1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://169.254.169.254/',
    'https://metadata.google.internal/',
    'https://0.0.0.0/',
  ])('is not asked for %s', async (url) => {
    const { failure, lookups } = guard(boundary);
    expect((await failure(url)).code).toBe('address_refused');
    expect([authorities(), lookups]).toEqual([[], []]);
  });

  it('changes nothing for what goes direct', async () => {
    const direct = {
      ...boundary,
      proxies: { httpsProxy: proxy.url, httpProxy: proxy.url, noProxy: 'inside.test' },
    };
    expect((await guard(direct).failure('https://inside.test/')).code).toBe('address_refused');
    expect((await guard(boundary, false).failure('https://inside.test/')).code).toBe('address_refused');
    expect(authorities()).toEqual([]);
  });
});

describe('a target that goes direct', () => {
  it('is decided for each request, by NO_PROXY', async () => {
    const proxies = { httpsProxy: proxy.url, httpProxy: proxy.url, noProxy: '127.0.0.1,.local.test' };
    const { ask } = guard({ proxies, allowLoopback: true });
    expect(await ask(`http://127.0.0.1:${plain.port}/`)).toBe('200 hello');
    expect(authorities()).toEqual([]);
    expect(await ask('https://provider.test/')).toBe('200 hello');
    expect(authorities()).toEqual(['10.1.2.3:443']);
  });

  it('goes direct where proxies are not to be used', async () => {
    const { ask } = guard({ allowLoopback: true }, false);
    expect(await ask(`http://127.0.0.1:${plain.port}/`)).toBe('200 hello');
    expect(authorities()).toEqual([]);
  });
});
