import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseGatewayUrl } from '../../src/client/gateway-url.ts';
import { type ReachOptions, reachGateway } from '../../src/client/reach-gateway.ts';
import { type Authority, createAuthority, createSelfSigned, type Leaf } from '../support/tls.ts';
import { type StandIn, startStandIn } from './stand-in-gateway.ts';
import { createTestMachine } from './test-machine.ts';

const HOST = 'gateway.example.test';
const closing: (() => Promise<void>)[] = [];
let authority: Authority;
let leaf: Leaf;
let other: Leaf;

beforeAll(() => {
  authority = createAuthority();
  leaf = authority.issue([`DNS:${HOST}`]);
  other = authority.issue([`DNS:${HOST}`]);
});

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function standIn(tls: Leaf | undefined): Promise<StandIn> {
  const server = await startStandIn({
    ...(tls ? { tls } : {}),
    routes: {
      'GET /close': (_request, response) => void response.setHeader('connection', 'close').end('bye'),
      'POST /': (_request, response) => void response.end('ok'),
    },
  });
  closing.push(server.close);
  return server;
}

async function reach(server: StandIn, options: Partial<ReachOptions> & { readonly origin?: string } = {}) {
  const machine = createTestMachine({
    names: { [HOST]: ['127.0.0.1'] },
    authorities: [authority.certificate],
  });
  const reached = await reachGateway(parseGatewayUrl(options.origin ?? server.origin), {
    machine,
    env: {},
    internalNetworks: () => [],
    ...options,
  });
  closing.push(reached.connection.close);
  return { ...reached, machine };
}

const secretRequest = {
  method: 'POST',
  path: '/',
  headers: { authorization: 'Bearer a-token-nobody-may-see' },
  body: 'a message nobody may see',
} as const;

describe('a look at the certificate', () => {
  it('sends nothing, and is not repeated for a gateway that has shown it', async () => {
    const server = await standIn(leaf);
    const { connection } = await reach(server);
    connection.pin(leaf.fingerprint);
    await connection.checkCertificate();
    await connection.checkCertificate();
    expect([server.connections(), server.applicationBytes()]).toEqual([1, 0]);
    const another = (await reach(server)).connection;
    another.pin(leaf.fingerprint);
    await text((await another.request(secretRequest)).body);
    await another.checkCertificate();
    expect(server.connections()).toBe(2);
  });

  it('refuses one that is not pinned, and one that was replaced', async () => {
    const server = await standIn(other);
    const { connection } = await reach(server);
    await expect(connection.checkCertificate()).rejects.toMatchObject({ code: 'fingerprint_required' });
    connection.pin(leaf.fingerprint);
    await expect(connection.checkCertificate()).rejects.toMatchObject({ code: 'certificate_changed' });
    await expect(connection.checkCertificate()).rejects.toMatchObject({ code: 'certificate_changed' });
    expect(server.applicationBytes()).toBe(0);
  });

  it('has nothing to see over http', async () => {
    const server = await standIn(undefined);
    const { connection } = await reach(server);
    await connection.checkCertificate();
    expect(server.connections()).toBe(0);
  });
});

describe('a connection to a gateway', () => {
  it('talks to the pinned certificate', async () => {
    const server = await standIn(leaf);
    const { connection } = await reach(server);
    connection.pin(leaf.fingerprint);
    const response = await connection.request(secretRequest);
    expect([response.status, await text(response.body)]).toEqual([200, 'ok']);
    expect(server.seen[0]?.headers.host).toBe(`${HOST}:${server.port}`);
  });

  it('sends not a byte to another certificate of the same authority', async () => {
    const server = await standIn(other);
    const { connection } = await reach(server);
    connection.pin(leaf.fingerprint);
    await expect(connection.request(secretRequest)).rejects.toMatchObject({
      code: 'certificate_changed',
      facts: { known: leaf.fingerprint.slice(0, 16), presented: other.fingerprint.slice(0, 16) },
    });
    expect(server.connections()).toBe(1);
    expect(server.applicationBytes()).toBe(0);
  });

  it('checks the certificate again on every new connection, resumable session or not', async () => {
    const server = await standIn(leaf);
    const { connection } = await reach(server);
    connection.pin(leaf.fingerprint);
    for (let round = 0; round < 3; round += 1) {
      const response = await connection.request({ method: 'GET', path: '/close' });
      expect(await text(response.body)).toBe('bye');
    }
    const bytes = server.applicationBytes();
    server.present(other);
    await expect(connection.request(secretRequest)).rejects.toMatchObject({ code: 'certificate_changed' });
    expect(server.applicationBytes()).toBe(bytes);
  });

  it('sends nothing before a certificate is pinned', async () => {
    const server = await standIn(leaf);
    const { connection } = await reach(server);
    await expect(connection.request(secretRequest)).rejects.toMatchObject({ code: 'fingerprint_required' });
    expect(server.connections()).toBe(0);
  });

  it('shows the certificate without sending a byte', async () => {
    const server = await standIn(leaf);
    const { connection } = await reach(server);
    const presented = await connection.inspectCertificate();
    expect(presented.fingerprint).toBe(leaf.fingerprint);
    expect(presented.issuer).toContain('Test Authority');
    expect(server.applicationBytes()).toBe(0);
  });

  it('refuses a chain that nobody on this machine vouches for', async () => {
    const server = await standIn(createSelfSigned([`DNS:${HOST}`]));
    const { connection } = await reach(server);
    await expect(connection.inspectCertificate()).rejects.toMatchObject({
      code: 'certificate_untrusted',
      facts: { reason: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    });
  });

  it('refuses the pinned certificate too when its chain does not verify', async () => {
    const self = createSelfSigned([`DNS:${HOST}`]);
    const server = await standIn(self);
    const { connection } = await reach(server);
    connection.pin(self.fingerprint);
    await expect(connection.request(secretRequest)).rejects.toMatchObject({ code: 'certificate_untrusted' });
    expect(server.applicationBytes()).toBe(0);
  });

  it('refuses a private authority that was not made known', async () => {
    const server = await standIn(leaf);
    const machine = createTestMachine({ names: { [HOST]: ['127.0.0.1'] } });
    const { connection } = await reach(server, { machine });
    await expect(connection.inspectCertificate()).rejects.toMatchObject({
      code: 'certificate_untrusted',
      facts: { reason: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
    });
  });

  it('refuses a certificate for another name', async () => {
    const server = await standIn(authority.issue(['DNS:elsewhere.example.test']));
    const { connection } = await reach(server);
    await expect(connection.inspectCertificate()).rejects.toMatchObject({
      facts: { reason: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
  });

  it('refuses an expired certificate', async () => {
    const server = await standIn(authority.issue([`DNS:${HOST}`], -1));
    const { connection } = await reach(server);
    await expect(connection.inspectCertificate()).rejects.toMatchObject({
      facts: { reason: 'CERT_HAS_EXPIRED' },
    });
  });

  it('verifies a certificate for an address literal', async () => {
    const server = await standIn(authority.issue(['IP:127.0.0.1']));
    const { connection } = await reach(server, { origin: `https://127.0.0.1:${server.port}` });
    expect((await connection.inspectCertificate()).fingerprint).toHaveLength(64);
  });

  it('says that a server which does not speak TLS cannot be reached', async () => {
    const server = await standIn(undefined);
    const { connection } = await reach(server, { origin: `https://${HOST}:${server.port}` });
    await expect(connection.inspectCertificate()).rejects.toMatchObject({ code: 'gateway_unreachable' });
  });

  it('says that nothing listens', async () => {
    const server = await standIn(leaf);
    const { connection } = await reach(server);
    await server.close();
    await expect(connection.inspectCertificate()).rejects.toMatchObject({
      code: 'gateway_unreachable',
      facts: { reason: 'ECONNREFUSED' },
    });
  });

  it('judges the address again for each connection: a name that moved to a public address gets nothing', async () => {
    const server = await standIn(leaf);
    const addresses = ['127.0.0.1'];
    const machine = createTestMachine({ names: { [HOST]: addresses }, authorities: [authority.certificate] });
    const { connection } = await reach(server, { machine });
    connection.pin(leaf.fingerprint);
    addresses.splice(0, 1, '203.0.113.7');
    await expect(connection.request(secretRequest)).rejects.toMatchObject({ code: 'public_address' });
    expect(server.connections()).toBe(0);
  });

  it('tries the other judged address when the first does not answer', async () => {
    const server = await standIn(leaf);
    const machine = createTestMachine({
      names: { [HOST]: ['127.0.0.2', '127.0.0.1'] },
      authorities: [authority.certificate],
    });
    const { connection } = await reach(server, { machine });
    expect((await connection.inspectCertificate()).fingerprint).toBe(leaf.fingerprint);
  });
});

describe('a connection through a private proxy', () => {
  let tunnels: string[];
  let authorizations: (string | undefined)[];
  let proxy: Server;
  let isRefusing = false;

  beforeAll(async () => {
    proxy = createServer((_request, response) => void response.writeHead(405).end());
    proxy.on('connect', (request, socket) => {
      tunnels.push(request.url ?? '');
      authorizations.push(request.headers['proxy-authorization']);
      if (isRefusing) return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      const [address = '', port] = (request.url ?? '').split(':');
      const upstream = connect(Number(port), address, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  });

  afterEach(() => {
    isRefusing = false;
  });

  afterAll(() => {
    proxy.close();
    proxy.closeAllConnections();
  });

  const proxied = (server: StandIn, credentials = '') => {
    tunnels = [];
    authorizations = [];
    const { port } = proxy.address() as AddressInfo;
    const machine = createTestMachine({
      names: { [HOST]: ['127.0.0.1'], 'proxy.example.test': ['127.0.0.1'] },
      authorities: [authority.certificate],
    });
    return reach(server, {
      machine,
      env: { HTTPS_PROXY: `http://${credentials}proxy.example.test:${port}` },
    });
  };

  it('opens a tunnel to the judged address, not to the name', async () => {
    const server = await standIn(leaf);
    const { connection } = await proxied(server, 'ada:s%20p@');
    connection.pin(leaf.fingerprint);
    expect((await connection.request(secretRequest)).status).toBe(200);
    expect(tunnels).toEqual([`127.0.0.1:${server.port}`]);
    expect(authorizations).toEqual([`Basic ${Buffer.from('ada:s p').toString('base64')}`]);
  });

  it('checks the certificate inside the tunnel', async () => {
    const server = await standIn(other);
    const { connection } = await proxied(server);
    connection.pin(leaf.fingerprint);
    await expect(connection.request(secretRequest)).rejects.toMatchObject({ code: 'certificate_changed' });
    expect(server.applicationBytes()).toBe(0);
  });

  it('names the proxy that refused', async () => {
    const server = await standIn(leaf);
    isRefusing = true;
    const { connection } = await proxied(server);
    await expect(connection.inspectCertificate()).rejects.toMatchObject({
      code: 'gateway_unreachable',
      facts: { reason: expect.stringContaining('answered 403 to CONNECT') },
    });
  });
});
