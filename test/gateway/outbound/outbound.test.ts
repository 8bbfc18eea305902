import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Lookup } from '../../../src/gateway/outbound/destinations.ts';
import {
  type ConnectionOptions,
  createOutbound,
  type OutboundOptions,
} from '../../../src/gateway/outbound/outbound.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { type SeeingServer, startSeeingServer } from '../../support/seeing-server.ts';
import { type Authority, createAuthority } from '../../support/tls.ts';

const closing: (() => Promise<void>)[] = [];
let server: SeeingServer;

beforeEach(async () => {
  server = await startSeeingServer(undefined, 'http://127.0.0.1:1/secret');
  closing.push(server.close);
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const STRICT: OutboundOptions = {
  allowLoopback: false,
  allowedOrigins: [],
  proxies: { httpsProxy: undefined, httpProxy: undefined, noProxy: undefined },
  proxyIsEgressBoundary: false,
};

type Names = Readonly<Record<string, readonly string[]>>;

/** A guard over names that are looked up in a table, with everything it logs and every lookup it makes. */
function guard(
  options: Partial<OutboundOptions> = {},
  names: Names = {},
  connection: Partial<ConnectionOptions> = {},
) {
  const lookups: string[] = [];
  const log = createMemoryLog();
  const lookup: Lookup = async (host) => {
    lookups.push(host);
    const addresses = names[host];
    if (!addresses) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' });
    return addresses;
  };
  const outbound = createOutbound({ ...STRICT, ...options }, { log, lookup });
  closing.push(outbound.close);
  const fetch = outbound.fetch({ useProxy: false, ...connection });
  /** `200 hello`, or the code of what went wrong. */
  const ask = async (url: string, init?: RequestInit): Promise<string> => {
    try {
      const response = await fetch(url, init);
      return `${response.status} ${await response.text()}`;
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      return cause instanceof Error && 'code' in cause ? String(cause.code) : inspect(error);
    }
  };
  return { ask, fetch, lookups, lines: log.lines };
}

describe('a literal', () => {
  it.each([
    (port: number) => `http://127.0.0.1:${port}/`,
    (port: number) => `http://127.1:${port}/`,
    (port: number) => `http://0x7f.1:${port}/`,
    (port: number) => `http://0177.0.0.1:${port}/`,
    (port: number) => `http://2130706433:${port}/`,
    (port: number) => `http://127.0.0.1.:${port}/`,
    (port: number) => `http://１２７.0.0.1:${port}/`,
    (port: number) => `http://0.0.0.0:${port}/`,
    (port: number) => `http://0:${port}/`,
    (port: number) => `http://[::1]:${port}/`,
    (port: number) => `http://[::]:${port}/`,
    (port: number) => `http://[::ffff:127.0.0.1]:${port}/`,
    (port: number) => `http://[::127.0.0.1]:${port}/`,
    (port: number) => `http://[64:ff9b::7f00:1]:${port}/`,
    (port: number) => `http://[2002:7f00:1::]:${port}/`,
    () => 'http://169.254.169.254/latest/meta-data/',
    () => 'http://[fd00:ec2::254]/',
    () => 'http://224.0.0.1/',
    () => 'http://255.255.255.255/',
  ])('%s is refused without a connection or a lookup, and logged', async (url) => {
    const { ask, lookups, lines } = guard();
    expect(await ask(url(server.port))).toBe('address_refused');
    expect(lines).toEqual([
      expect.stringMatching(/^warn ECONNREFUSED_SSRF: .* is an? |^warn ECONNREFUSED_SSRF: .* is the /),
    ]);
    expect([server.connections, lookups.length]).toEqual([0, 0]);
  });

  it('may be loopback where that is allowed, and is then the unspecified address as little as before', async () => {
    const { ask } = guard({ allowLoopback: true });
    expect(await ask(`http://127.0.0.1:${server.port}/`)).toBe('200 hello');
    expect(await ask(`http://[::ffff:127.0.0.1]:${server.port}/`)).toBe('200 hello');
    expect(await ask(`http://0.0.0.0:${server.port}/`)).toBe('address_refused');
    expect(await ask(`http://[::]:${server.port}/`)).toBe('address_refused');
    expect(await ask(`http://[::127.0.0.1]:${server.port}/`)).toBe('address_refused');
    expect(await ask('http://169.254.169.254/')).toBe('address_refused');
    expect(await ask('http://224.0.0.1/')).toBe('address_refused');
  });
});

describe('a name', () => {
  it.each([
    'localhost',
    'LOCALHOST',
    'a.localhost',
    'localhost.',
    'metadata.google.internal',
    'metadata.google.internal.',
  ])('%s is refused without a lookup', async (host) => {
    const { ask, lookups } = guard({}, { localhost: ['10.0.0.1'] });
    expect(await ask(`http://${host}:${server.port}/`)).toBe('address_refused');
    expect(lookups).toEqual([]);
  });

  it.each([
    ['loopback', ['127.0.0.1']],
    ['a public address and loopback', ['203.0.113.7', '127.0.0.1']],
    ['a private address and a metadata service', ['10.0.0.1', 'fd00:ec2::254']],
    ['the unspecified address', ['0.0.0.0']],
    ['a mapped loopback address', ['::ffff:127.0.0.1']],
    ['link-local', ['fe80::1%eth0']],
    ['no address at all', []],
    ['something that is no address', ['localhost']],
  ])('that stands for %s is refused', async (_, addresses) => {
    const { ask, lines } = guard({}, { 'provider.test': addresses });
    expect(await ask(`http://provider.test:${server.port}/`)).toBe('address_refused');
    expect(lines).toEqual([expect.stringMatching(/^warn ECONNREFUSED_SSRF: provider\.test/)]);
    expect(server.connections).toBe(0);
  });

  it('is looked up once for each connection, and the connection goes to what was judged', async () => {
    const { ask, lookups } = guard({ allowLoopback: true }, { 'provider.test': ['127.0.0.1'] });
    const url = `http://provider.test:${server.port}/`;
    expect(await ask(url)).toBe('200 hello');
    // The body is here a little before undici has the connection back.
    await new Promise((resolve) => setImmediate(resolve));
    expect(await ask(url)).toBe('200 hello');
    expect(lookups).toEqual(['provider.test']);
    expect(server.connections).toBe(1);
    expect(server.seen.map(({ host }) => host)).toEqual(Array(2).fill(`provider.test:${server.port}`));
  });

  it('that changes its meaning between connections is judged again', async () => {
    const names: Record<string, readonly string[]> = { 'provider.test': ['127.0.0.1'] };
    const { ask, lines } = guard({ allowLoopback: true }, names);
    const url = `http://provider.test:${server.port}/`;
    expect(await ask(url, { headers: { connection: 'close' } })).toBe('200 hello');
    names['provider.test'] = ['169.254.169.254'];
    expect(await ask(url)).toBe('address_refused');
    expect(await ask(url)).toBe('address_refused');
    expect(lines).toHaveLength(2);
  });

  it('that does not exist fails as such', async () => {
    const { ask, lines } = guard();
    expect(await ask('http://nobody.test/')).toBe('ENOTFOUND');
    expect(lines).toEqual([]);
  });

  it('with several addresses is tried at the next when one cannot be reached', async () => {
    const { ask, lookups } = guard({ allowLoopback: true }, { 'provider.test': ['127.0.0.2', '127.0.0.1'] });
    expect(await ask(`http://provider.test:${server.port}/`)).toBe('200 hello');
    expect(lookups).toHaveLength(1);
    const { ask: askNobody } = guard(
      { allowLoopback: true },
      { 'provider.test': ['127.0.0.2', '127.0.0.3'] },
    );
    expect(await askNobody(`http://provider.test:${server.port}/`)).toBe('ECONNREFUSED');
  });

  it('with control characters does not break the log line', async () => {
    const log = createMemoryLog();
    const { connector } = createOutbound(STRICT, { log, lookup: async () => ['127.0.0.1\nforged'] });
    const connect = connector({ useProxy: false });
    const error = await new Promise((resolve) =>
      connect({ hostname: 'a\nb.test', protocol: 'http:', port: '80' }, (...[failure]) => resolve(failure)),
    );
    const detail = 'ECONNREFUSED_SSRF: a\\u000ab.test (127.0.0.1\\u000aforged) is not an address';
    expect(error).toMatchObject({ code: 'address_refused', errno: 'ECONNREFUSED_SSRF', detail });
    expect(log.lines).toEqual([`warn ${detail}`]);
  });
});

describe('an allowed origin', () => {
  it('is allowed exactly: scheme, host and port', async () => {
    const other = await startSeeingServer();
    closing.push(other.close);
    const names = { localhost: ['127.0.0.1'], 'a.test': ['127.0.0.1'] };
    const { ask } = guard({ allowedOrigins: [`http://127.0.0.1:${server.port}`] }, names);
    expect(await ask(`http://127.0.0.1:${server.port}/`)).toBe('200 hello');
    expect(await ask(`http://127.0.0.1:${other.port}/`)).toBe('address_refused');
    expect(await ask(`https://127.0.0.1:${server.port}/`)).toBe('address_refused');
    expect(await ask(`http://127.0.0.2:${server.port}/`)).toBe('address_refused');
    expect(await ask(`http://localhost:${server.port}/`)).toBe('address_refused');
    expect(await ask(`http://a.test:${server.port}/`)).toBe('address_refused');
    expect(other.connections).toBe(0);
  });

  it('may be a name, and stays bound to loopback', async () => {
    const names: Record<string, readonly string[]> = { localhost: ['127.0.0.1'] };
    const { ask } = guard(
      {
        allowedOrigins: [
          `http://localhost:${server.port}`,
          `http://0.0.0.0:${server.port}`,
          'http://localhost',
        ],
      },
      names,
    );
    expect(await ask(`http://localhost:${server.port}/`)).toBe('200 hello');
    expect(await ask(`http://0.0.0.0:${server.port}/`)).toBe('address_refused');
    names['localhost'] = ['169.254.169.254'];
    expect(await ask('http://localhost/')).toBe('address_refused');
  });
});

describe('a redirect', () => {
  it.each([undefined, 'follow', 'error'] as const)(
    'is handed back, never followed, with redirect: %s',
    async (redirect) => {
      const { fetch, ask, lines } = guard({ allowLoopback: true });
      const url = `http://127.0.0.1:${server.port}/redirect`;
      const response = await fetch(url, redirect ? { redirect } : {});
      expect([response.status, response.headers.get('location')]).toEqual([302, 'http://127.0.0.1:1/secret']);
      await response.body?.cancel();
      expect(await ask(url, { method: 'POST', body: 'x' })).toBe('302 ');
      expect(lines).toEqual([]);
    },
  );
});

describe('over TLS', () => {
  let authority: Authority;

  beforeAll(() => {
    authority = createAuthority();
  });

  const startTls = async (names: readonly string[]): Promise<SeeingServer> => {
    const secure = await startSeeingServer(authority.issue(names));
    closing.push(secure.close);
    return secure;
  };

  it('the name stays in SNI, Host and certificate check while the connection goes to the judged address', async () => {
    const secure = await startTls(['DNS:provider.test']);
    const names = { 'provider.test': ['127.0.0.1'], 'other.test': ['127.0.0.1'] };
    const { ask } = guard({ allowLoopback: true }, names, { caPem: authority.certificate });
    expect(await ask(`https://provider.test:${secure.port}/x`)).toBe('200 hello');
    expect(secure.seen).toEqual([
      { host: `provider.test:${secure.port}`, serverName: 'provider.test', path: '/x' },
    ]);
    expect(await ask(`https://other.test:${secure.port}/`)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('a literal is checked against the addresses in the certificate', async () => {
    const right = await startTls(['IP:127.0.0.1']);
    const wrong = await startTls(['IP:127.0.0.9', 'DNS:127.0.0.1.test']);
    const { ask } = guard({ allowLoopback: true }, {}, { caPem: authority.certificate });
    expect(await ask(`https://127.0.0.1:${right.port}/`)).toBe('200 hello');
    expect(right.seen[0]?.serverName).toBe(false);
    expect(await ask(`https://127.0.0.1:${wrong.port}/`)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('caPem replaces the trust store; without it a private authority is not trusted', async () => {
    const secure = await startTls(['DNS:provider.test']);
    const names = { 'provider.test': ['127.0.0.1', '127.0.0.1'] };
    const url = `https://provider.test:${secure.port}/`;
    expect(await guard({ allowLoopback: true }, names).ask(url)).toMatch(/^(UNABLE|SELF_SIGNED)/);
    const other = createAuthority('Another Authority').certificate;
    expect(await guard({ allowLoopback: true }, names, { caPem: other }).ask(url)).toMatch(
      /^(UNABLE|SELF_SIGNED)/,
    );
    // A certificate that is not trusted is no reason to try the next address.
    expect(secure.connections).toBe(2);
  });
});

describe('waiting', () => {
  it('for a lookup is bounded', async () => {
    const outbound = createOutbound(
      { ...STRICT, connectTimeoutMs: 20 },
      { log: createMemoryLog(), lookup: () => new Promise(() => undefined) },
    );
    closing.push(outbound.close);
    await expect(outbound.fetch({ useProxy: false })('http://slow.test/')).rejects.toMatchObject({
      cause: { code: 'ETIMEDOUT', message: 'slow.test was not looked up within 40 ms' },
    });
  });

  it('for a connection is bounded', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const { ask } = guard({ allowLoopback: true, connectTimeoutMs: 50 });
    expect(await ask(`https://127.0.0.1:${port}/`)).toBe('UND_ERR_CONNECT_TIMEOUT');
    silent.close();
  });
});
