import { afterEach, beforeEach } from 'vitest';
import { registerLogin } from '../../src/commands/login.ts';
import { type Handler, json, type StandIn, startStandIn } from '../client/stand-in-gateway.ts';
import { createTestMachine, type TestMachine } from '../client/test-machine.ts';
import { createFastClock, type MemoryHost, runCommand } from '../support/memory-host.ts';
import { createAuthority, type Leaf } from '../support/tls.ts';
import { createDeveloperWorld, type DeveloperWorld } from './developer-world.ts';

export const HOST = 'gateway.example.test';

export const tokens = {
  access_token: 'the-access-token',
  token_type: 'Bearer',
  expires_in: 3600,
  refresh_token: 'the-refresh-token',
  email: 'ada@example.test',
};

export function grant(origin: string, more: Record<string, unknown> = {}) {
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

/** A developer who signs in, a gateway that plays along, and certificates for it; new for each test of the file. */
export function useLoginWorld() {
  const authority = createAuthority();
  const leaf = authority.issue([`DNS:${HOST}`]);
  const renewed = authority.issue([`DNS:${HOST}`]);
  let developer: DeveloperWorld;
  let server: StandIn | undefined;

  beforeEach(async () => {
    developer = await createDeveloperWorld();
  });
  afterEach(async () => {
    await server?.close();
    server = undefined;
    await developer.remove();
  });

  const world: Omit<DeveloperWorld, 'remove'> = {
    get folder() {
      return developer.folder;
    },
    host: (options) => developer.host(options),
    signIn: (credentials) => developer.signIn(credentials),
    stored: (gateway) => developer.stored(gateway),
    trust: (hostname, fingerprint) => developer.trust(hostname, fingerprint),
    trusted: (hostname) => developer.trusted(hostname),
  };

  /** A gateway of other manners; closed after the test. */
  async function serve(options: Parameters<typeof startStandIn>[0]): Promise<StandIn> {
    server = await startStandIn(options);
    return server;
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

  return {
    leaf,
    renewed,
    world,
    serve,
    startGateway,
    machineOf,
    login,
    atDesk,
    inScript,
    revoked,
  };
}
