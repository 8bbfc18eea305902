import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { registerLogin } from '../../src/commands/login.ts';
import { type Handler, json, type StandIn, startStandIn } from '../client/stand-in-gateway.ts';
import { createTestMachine, type TestMachine } from '../client/test-machine.ts';
import { createFastClock, type MemoryHost, runCommand } from '../support/memory-host.ts';
import { type Authority, createAuthority, createSelfSigned, type Leaf } from '../support/tls.ts';
import { createDeveloperWorld, type DeveloperWorld } from './developer-world.ts';

const HOST = 'gateway.example.test';
let authority: Authority;
let leaf: Leaf;
let renewed: Leaf;
let world: DeveloperWorld;
let server: StandIn | undefined;

beforeAll(() => {
  authority = createAuthority();
  leaf = authority.issue([`DNS:${HOST}`]);
  renewed = authority.issue([`DNS:${HOST}`]);
});

beforeEach(async () => {
  world = await createDeveloperWorld();
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  await world.remove();
});

const tokens = {
  access_token: 'the-access-token',
  token_type: 'Bearer',
  expires_in: 3600,
  refresh_token: 'the-refresh-token',
  email: 'ada@example.test',
};

function grant(origin: string, more: Record<string, unknown> = {}) {
  return {
    device_code: 'the-device-code',
    user_code: 'BCDF-GHJK',
    verification_uri: `${origin}/device`,
    verification_uri_complete: `${origin}/device?user_code=BCDF-GHJK`,
    expires_in: 600,
    interval: 5,
    ...more,
  };
}

interface GatewayOptions {
  readonly tls?: Leaf | undefined;
  readonly grant?: (origin: string) => unknown;
  readonly token?: Handler;
  readonly discovery?: (origin: string) => unknown;
}

async function startGateway(options: GatewayOptions = {}): Promise<StandIn> {
  const tls = 'tls' in options ? options.tls : leaf;
  const started = await startStandIn({
    ...(tls ? { tls } : {}),
    routes: {
      'GET /.well-known/oauth-authorization-server': (_request, response) =>
        json(response, 200, options.discovery?.(started.origin) ?? {}),
      'POST /oauth/device_authorization': (_request, response) =>
        json(response, 200, options.grant?.(started.origin) ?? grant(started.origin)),
      'POST /oauth/token': options.token ?? ((_request, response) => json(response, 200, tokens)),
      'POST /oauth/revoke': (_request, response) => json(response, 200, {}),
    },
  });
  server = started;
  return started;
}

function machineOf(options: Parameters<typeof createTestMachine>[0] = {}): TestMachine {
  return createTestMachine({
    names: { [HOST]: ['127.0.0.1'] },
    authorities: [authority.certificate],
    ...options,
  });
}

function login(host: MemoryHost, argv: readonly string[], machine: TestMachine = machineOf()) {
  return runCommand(host, (program, given) => registerLogin(program, given, machine), ['login', ...argv]);
}

const atDesk = (answers: readonly (boolean | 'interrupt')[], env = {}) =>
  world.host({ answers, clock: createFastClock(Date.now()), env: { DISPLAY: ':0', ...env } });
const inScript = (env = {}) => world.host({ clock: createFastClock(Date.now()), env });
const revoked = () =>
  server?.seen.filter(({ url }) => url === '/oauth/revoke').map(({ form }) => form.get('token'));

describe('sign-in at a desk', () => {
  it('shows the certificate, the code and the link, opens the browser and keeps the session', async () => {
    const gateway = await startGateway();
    const machine = machineOf();
    const host = atDesk([true, true]);
    const result = await login(host, ['--gateway-url', gateway.origin], machine);
    expect(result).toMatchObject({ exitCode: 0, stdout: '' });
    expect(host.questions).toEqual([
      'Trust this gateway?',
      'Signed in as ada@example.test. Keep this session?',
    ]);
    expect(result.stderr).toContain(
      `Gateway      ${HOST}\nAddress      127.0.0.1\nIssuer       CN=Test Authority\n`,
    );
    expect(result.stderr).toContain(`Fingerprint  ${leaf.fingerprint.slice(0, 16)}\n`);
    expect(result.stderr).not.toContain(leaf.fingerprint.slice(0, 17));
    expect(result.stderr).toContain('BCDF-GHJK');
    expect(machine.opened).toEqual([`${gateway.origin}/device?user_code=BCDF-GHJK`]);
    expect(await world.stored(gateway.origin)).toMatchObject({
      accessToken: 'the-access-token',
      refreshToken: 'the-refresh-token',
      email: 'ada@example.test',
    });
    expect(await world.trusted(HOST)).toBe(leaf.fingerprint);
    const request = gateway.seen.find(({ url }) => url === '/oauth/device_authorization');
    expect(request?.form.get('surface')).toBe('sallyport');
  });

  it('keeps files that nobody else can read', async () => {
    const gateway = await startGateway();
    await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
    const sessions = join(world.folder, 'sessions');
    const files = await readdir(sessions);
    expect(files).toHaveLength(1);
    expect(await modeOf(world.folder)).toBe('700');
    expect(await modeOf(sessions)).toBe('700');
    expect(await modeOf(join(sessions, files[0] ?? ''))).toBe('600');
    expect(await modeOf(join(world.folder, 'trusted-certificates.json'))).toBe('600');
  });

  it('sends nothing to a gateway that the developer does not trust', async () => {
    const gateway = await startGateway();
    const result = await login(atDesk([false]), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(4);
    expect(gateway.applicationBytes()).toBe(0);
    expect(await world.trusted(HOST)).toBeUndefined();
  });

  it('asks nothing about a certificate that is trusted already', async () => {
    const gateway = await startGateway();
    await world.trust(HOST, leaf.fingerprint);
    const host = atDesk([true]);
    expect((await login(host, ['--gateway-url', gateway.origin])).exitCode).toBe(0);
    expect(host.questions).toHaveLength(1);
  });

  it('shows the old and the new fingerprint of a changed certificate and asks again', async () => {
    const gateway = await startGateway({ tls: renewed });
    await world.trust(HOST, leaf.fingerprint);
    const host = atDesk([true, true]);
    const result = await login(host, ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(0);
    expect(host.questions[0]).toBe('Trust the new certificate?');
    expect(result.stderr).toContain('Warning: this is not the certificate you trusted before.');
    expect(result.stderr).toContain(
      `old ${leaf.fingerprint.slice(0, 16)}\n  new ${renewed.fingerprint.slice(0, 16)}`,
    );
    expect(await world.trusted(HOST)).toBe(renewed.fingerprint);
  });

  it('revokes and stores nothing when the account is somebody else', async () => {
    const gateway = await startGateway();
    const result = await login(atDesk([true, false]), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toContain('The session of ada@example.test was ended and not kept');
    expect(revoked()).toEqual(['the-refresh-token']);
    expect(await world.stored(gateway.origin)).toBeUndefined();
  });

  it('revokes and stores nothing when interrupted at the last question', async () => {
    const gateway = await startGateway();
    const result = await login(atDesk([true, 'interrupt']), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(130);
    expect(revoked()).toEqual(['the-refresh-token']);
    expect(await world.stored(gateway.origin)).toBeUndefined();
  });

  it('revokes a session that it cannot store', async () => {
    const gateway = await startGateway();
    await mkdir(join(world.folder, 'sessions'), { recursive: true });
    await chmod(join(world.folder, 'sessions'), 0o777);
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(4);
    expect(revoked()).toEqual(['the-refresh-token']);
  });

  it('does not ask about the account with --yes', async () => {
    const gateway = await startGateway();
    const host = atDesk([true]);
    expect((await login(host, ['--gateway-url', gateway.origin, '--yes'])).exitCode).toBe(0);
    expect(host.questions).toEqual(['Trust this gateway?']);
  });

  it('ends the session it replaces', async () => {
    const gateway = await startGateway();
    await world.signIn({ gateway: gateway.origin, refreshToken: 'the-earlier-one' });
    await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    expect(revoked()).toEqual(['the-earlier-one']);
    expect((await world.stored(gateway.origin))?.refreshToken).toBe('the-refresh-token');
  });

  it.each([
    ['--no-browser', ['--no-browser'], {}],
    ['SSH', [], { SSH_CONNECTION: '10.0.0.1 1 10.0.0.2 22' }],
    ['no display', [], { DISPLAY: '' }],
  ])('only prints the link with %s', async (_why, argv, env) => {
    const gateway = await startGateway();
    const machine = machineOf();
    const result = await login(
      atDesk([true, true], env),
      ['--gateway-url', gateway.origin, ...argv],
      machine,
    );
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toContain(`${gateway.origin}/device?user_code=BCDF-GHJK`);
    expect(machine.opened).toEqual([]);
  });

  it('shows a QR code with --qr', async () => {
    const gateway = await startGateway();
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin, '--qr']);
    expect(result.stderr).toMatch(/[▀▄█]{5}/);
  });
});

describe('sign-in to a hostile gateway', () => {
  it('does not open a link on another origin', async () => {
    const gateway = await startGateway({
      grant: (origin) => grant(origin, { verification_uri_complete: 'https://phish.example.test/device' }),
    });
    const machine = machineOf();
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin, '--qr'], machine);
    expect(machine.opened).toEqual([]);
    expect(result.stderr).toContain('was not opened');
    expect(result.stderr).not.toMatch(/[▀▄█]{5}/);
  });

  it.each([
    'file:///etc/passwd',
    'javascript:alert(1)',
    '--version',
    'https://gateway.example.test@phish.example.test/',
  ])('does not open %s', async (link) => {
    const gateway = await startGateway({
      grant: (origin) => grant(origin, { verification_uri_complete: link }),
    });
    const machine = machineOf();
    await login(atDesk([true, true]), ['--gateway-url', gateway.origin], machine);
    expect(machine.opened).toEqual([]);
  });

  it('prints its texts without control characters', async () => {
    const evil = '\u001b]0;owned\u0007\u001b[2J\u009b31m\r\u202eevil';
    const gateway = await startGateway({
      grant: (origin) =>
        grant(origin, {
          user_code: `BCDF${evil}`,
          login_notice: `Notice${evil}`,
          verification_uri_complete: `${origin}/device${evil}`,
        }),
      token: (_request, response) => json(response, 200, { ...tokens, email: `ada${evil}@example.test` }),
    });
    const host = atDesk([true, true]);
    const result = await login(host, ['--gateway-url', gateway.origin]);
    expect(result.stderr).toContain('Notice');
    expect(result.stderr + host.questions.join('')).not.toMatch(
      /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/,
    );
  });

  it('sends the code to its own origin whatever the discovery document says', async () => {
    const elsewhere = await startStandIn({});
    const gateway = await startGateway({
      discovery: () => ({
        device_authorization_endpoint: `${elsewhere.origin}/oauth/device_authorization`,
        token_endpoint: '/relative/token',
      }),
    });
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(0);
    expect(gateway.seen.map(({ url }) => url)).toContain('/oauth/token');
    expect(elsewhere.connections()).toBe(0);
    await elsewhere.close();
  });

  it('stops when the certificate changes during the sign-in', async () => {
    const gateway = await startGateway({
      token: (_request, response) => {
        gateway.present(renewed);
        response.setHeader('connection', 'close');
        json(response, 400, { error: 'authorization_pending' });
      },
    });
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain(
      `The TLS certificate of ${HOST} changed: trusted is ${leaf.fingerprint.slice(0, 16)}, presented is ${renewed.fingerprint.slice(0, 16)}`,
    );
    expect(await world.stored(gateway.origin)).toBeUndefined();
  });

  it('does not follow a redirect with the code', async () => {
    const elsewhere = await startStandIn({});
    const gateway = await startGateway({
      token: (_request, response) =>
        void response.writeHead(307, { location: `${elsewhere.origin}/oauth/token` }).end(),
    });
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(1);
    expect(elsewhere.connections()).toBe(0);
    await elsewhere.close();
  });
});

describe('sign-in without a terminal', () => {
  it('needs a fingerprint', async () => {
    const gateway = await startGateway();
    const result = await login(inScript(), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain('--fingerprint');
    expect(gateway.applicationBytes()).toBe(0);
  });

  it.each([16, 64])('accepts the right one in %i digits and keeps the session', async (digits) => {
    const gateway = await startGateway();
    const result = await login(inScript(), [
      '--gateway-url',
      gateway.origin,
      '--fingerprint',
      leaf.fingerprint.slice(0, digits).toUpperCase(),
    ]);
    expect(result.exitCode).toBe(0);
    expect(await world.stored(gateway.origin)).toBeDefined();
  });

  it('sends not a byte when it is wrong', async () => {
    const gateway = await startGateway();
    const result = await login(inScript(), [
      '--gateway-url',
      gateway.origin,
      '--fingerprint',
      renewed.fingerprint,
    ]);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain(
      `has the fingerprint ${leaf.fingerprint.slice(0, 16)}, not ${renewed.fingerprint.slice(0, 16)}`,
    );
    expect(gateway.applicationBytes()).toBe(0);
  });

  it('refuses a changed certificate', async () => {
    const gateway = await startGateway({ tls: renewed });
    await world.trust(HOST, leaf.fingerprint);
    const result = await login(inScript(), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(4);
    expect(gateway.applicationBytes()).toBe(0);
  });

  it('refuses a fingerprint of another length as bad usage', async () => {
    const result = await login(inScript(), ['--gateway-url', `https://${HOST}`, '--fingerprint', 'abc']);
    expect(result.exitCode).toBe(2);
  });
});

describe('the network of a gateway', () => {
  it('refuses a public address before a connection is made', async () => {
    const machine = machineOf();
    const result = await login(inScript(), ['--gateway-url', 'https://203.0.113.7'], machine);
    expect(result).toMatchObject({ exitCode: 4 });
    expect(result.stderr).toContain(
      "Gateway hosts must be on your organization's private network; 203.0.113.7 resolves to the public (or unrecognized) address 203.0.113.7",
    );
    expect(machine.lookups).toEqual([]);
  });

  it('refuses a name with one private and one public address', async () => {
    const gateway = await startGateway();
    const machine = machineOf({ names: { [HOST]: ['127.0.0.1', '203.0.113.7'] } });
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin], machine);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain(`${HOST} resolves to the public (or unrecognized) address 203.0.113.7`);
    expect(gateway.connections()).toBe(0);
  });

  it('says that a name does not resolve', async () => {
    const result = await login(inScript(), ['--gateway-url', 'missing.example.test']);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain('Could not resolve gateway host missing.example.test');
  });

  it('refuses http:// to another host', async () => {
    const result = await login(inScript(), ['--gateway-url', 'http://gateway.example.test']);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain(
      'Gateway addresses must start with https:// (http:// only on this machine)',
    );
  });

  it('signs in over http:// on this machine, without a certificate', async () => {
    const gateway = await startGateway({ tls: undefined });
    const result = await login(inScript(), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(0);
    expect(await world.stored(gateway.origin)).toBeDefined();
  });

  it('refuses a public proxy, naming the NO_PROXY entry, before a connection is made', async () => {
    const gateway = await startGateway();
    const machine = machineOf({ names: { [HOST]: ['127.0.0.1'], 'proxy.example.test': ['203.0.113.9'] } });
    const env = { HTTPS_PROXY: 'http://user:hidden@proxy.example.test:3128' };
    const result = await login(inScript(env), ['--gateway-url', gateway.origin], machine);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain(
      'Gateway login requires a direct connection and does not support connecting through an HTTP proxy: Gateway login would go through proxy proxy.example.test:3128, which is not on a private network',
    );
    expect(result.stderr).toContain(`Add this entry to NO_PROXY: ${HOST}`);
    expect(result.stderr).not.toContain('hidden');
    expect(gateway.connections()).toBe(0);
  });

  it('goes around that proxy once NO_PROXY has the entry', async () => {
    const gateway = await startGateway();
    const env = { HTTPS_PROXY: 'http://proxy.example.test:3128', NO_PROXY: `localhost,${HOST}` };
    const argv = ['--gateway-url', gateway.origin, '--fingerprint', leaf.fingerprint];
    expect((await login(inScript(env), argv)).exitCode).toBe(0);
  });

  it('says that the proxy does not resolve', async () => {
    const env = { HTTPS_PROXY: 'http://proxy.example.test:3128' };
    const result = await login(inScript(env), ['--gateway-url', HOST]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain('Could not resolve the configured HTTP proxy proxy.example.test');
  });

  it('refuses a certificate it cannot verify, giving the reason and two ways to trust an authority', async () => {
    const gateway = await startGateway({ tls: createSelfSigned([`DNS:${HOST}`]) });
    const result = await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain(
      "Could not verify the gateway's TLS certificate: DEPTH_ZERO_SELF_SIGNED_CERT",
    );
    expect(result.stderr).toContain("operating system's trust store");
    expect(result.stderr).toContain('NODE_EXTRA_CA_CERTS');
  });

  it('says that nothing listens there', async () => {
    const gateway = await startGateway();
    await gateway.close();
    const result = await login(inScript(), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain('ECONNREFUSED');
  });
});

describe('which gateway', () => {
  async function manage(settings: unknown): Promise<TestMachine> {
    await mkdir(world.folder, { recursive: true, mode: 0o700 });
    const path = join(world.folder, 'managed-settings.json');
    await writeFile(path, JSON.stringify(settings), { mode: 0o644 });
    return machineOf({ managedSettingsPath: path });
  }

  it('takes the flag, then SALLYPORT_GATEWAY_URL, then the managed settings', async () => {
    const machine = await manage({
      forceLoginMethod: 'gateway',
      forceLoginGatewayUrl: 'https://managed.example.test',
    });
    const named = async (argv: readonly string[], env = {}) =>
      (await login(inScript(env), argv, machine)).stderr;
    const env = { SALLYPORT_GATEWAY_URL: 'env.example.test' };
    expect(await named(['--gateway-url', 'flag.example.test'], env)).toContain('flag.example.test');
    expect(await named([], env)).toContain('env.example.test');
    expect(await named([])).toContain('managed.example.test');
  });

  it('asks for one when none is named', async () => {
    const result = await login(inScript(), []);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain('--gateway-url');
  });

  it('refers to the administrator when the managed settings require a gateway and name none', async () => {
    const result = await login(inScript(), [], await manage({ forceLoginMethod: 'gateway' }));
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain('administrator');
  });

  it('refuses every sign-in while the declared networks are wrong', async () => {
    const machine = await manage({ gatewayInternalNetworks: ['11.0.0.1/16'] });
    const result = await login(inScript(), ['--gateway-url', HOST], machine);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain('gatewayInternalNetworks in managed settings');
  });

  it('refuses a gateway in a declared network from outside it', async () => {
    await manage({ gatewayInternalNetworks: ['11.20.0.0/16'] });
    const machine = machineOf({
      names: { [HOST]: ['11.20.1.2'] },
      ownAddress: '192.168.1.5',
      managedSettingsPath: join(world.folder, 'managed-settings.json'),
    });
    const result = await login(inScript(), ['--gateway-url', HOST], machine);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain('this machine connects from 192.168.1.5, outside it');
  });
});

describe('how a sign-in ends', () => {
  const until =
    (error: string, status = 400): Handler =>
    (_request, response) =>
      json(response, status, { error });

  it.each([
    ['access_denied', 3, 'The sign-in was denied'],
    ['expired_token', 3, 'The code expired before the sign-in was completed'],
    ['authorization_pending', 3, 'The code expired before the sign-in was completed'],
    ['invalid_client', 1, "The gateway's answer was not understood"],
  ])('%s ends with exit code %i', async (error, exitCode, sentence) => {
    const gateway = await startGateway({ tls: undefined, token: until(error) });
    const result = await login(inScript(), ['--gateway-url', gateway.origin]);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toContain(sentence);
    expect(await world.stored(gateway.origin)).toBeUndefined();
  });

  it('says that sign-ins are limited, and for how long', async () => {
    server = await startStandIn({
      routes: {
        'POST /oauth/device_authorization': (_request, response) =>
          json(response, 429, { error: 'slow_down' }, { 'retry-after': '90' }),
      },
    });
    const result = await login(inScript(), ['--gateway-url', server.origin]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain(
      'The gateway is limiting sign-in attempts right now\nTry again in 90 seconds.',
    );
  });

  it('says that something else answers there', async () => {
    server = await startStandIn({});
    const result = await login(inScript(), ['--gateway-url', server.origin]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain("The gateway's answer was not understood");
  });

  it('never prints a token or the device code', async () => {
    const gateway = await startGateway();
    const { stdout, stderr } = await login(atDesk([true, true]), ['--gateway-url', gateway.origin]);
    for (const hidden of ['the-access-token', 'the-refresh-token', 'the-device-code']) {
      expect(stdout + stderr).not.toContain(hidden);
    }
  });
});
