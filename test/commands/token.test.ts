import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Credentials } from '../../src/client/credentials.ts';
import { registerToken } from '../../src/commands/token.ts';
import { type Handler, json, type StandIn, startStandIn } from '../client/stand-in-gateway.ts';
import { createTestMachine } from '../client/test-machine.ts';
import { runCommand } from '../support/memory-host.ts';
import { createAuthority } from '../support/tls.ts';
import { createDeveloperWorld, type DeveloperWorld } from './developer-world.ts';

let world: DeveloperWorld;
let server: StandIn | undefined;

beforeEach(async () => {
  world = await createDeveloperWorld();
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  await world.remove();
});

const token = (argv: readonly string[] = [], machine = createTestMachine({})) =>
  runCommand(world.host(), (program, host) => registerToken(program, host, machine), ['token', ...argv]);

/** A gateway with a session and a trusted certificate, and another one that it may come to present. */
async function gatewayWithCertificates(session: Partial<Credentials> = {}) {
  const authority = createAuthority();
  const issue = () => authority.issue(['DNS:gateway.example.test']);
  const leaves = { old: issue(), fresh: issue() };
  const renew: Handler = (_request, response) =>
    json(response, 200, { access_token: 'access-2', token_type: 'Bearer', expires_in: 3600 });
  server = await startStandIn({ tls: leaves.old, routes: { 'POST /oauth/token': renew } });
  await world.signIn({ gateway: server.origin, ...session });
  await world.trust('gateway.example.test', leaves.old.fingerprint);
  const machine = createTestMachine({
    names: { 'gateway.example.test': ['127.0.0.1'] },
    authorities: [authority.certificate],
  });
  return { machine, leaves };
}

describe('token', () => {
  it('prints the token and nothing else', async () => {
    await world.signIn({ gateway: 'http://127.0.0.1:1' });
    const machine = createTestMachine({});
    expect(await token([], machine)).toEqual({ exitCode: 0, stdout: 'access-1\n', stderr: '' });
  });

  it('looks at the certificate before it prints one that is good, and sends nothing', async () => {
    const { machine, leaves } = await gatewayWithCertificates();
    expect(await token([], machine)).toEqual({ exitCode: 0, stdout: 'access-1\n', stderr: '' });
    expect([server?.connections(), server?.applicationBytes()]).toEqual([1, 0]);
    server?.present(leaves.fresh);
    const { exitCode, stdout, stderr } = await token([], machine);
    expect([exitCode, stdout]).toEqual([4, '']);
    expect(stderr).toContain(
      `sallyport login --gateway-url ${server?.origin} --fingerprint ${leaves.fresh.fingerprint.slice(0, 16)}`,
    );
    expect(server?.applicationBytes()).toBe(0);
  });

  it('prints one that is good although the gateway is out of reach', async () => {
    const { machine } = await gatewayWithCertificates();
    await server?.close();
    expect(await token([], machine)).toEqual({ exitCode: 0, stdout: 'access-1\n', stderr: '' });
  });

  it('prints none for a certificate that nobody has trusted, or a name that leads elsewhere', async () => {
    await world.signIn({ gateway: 'https://gateway.example.test' });
    expect(await token()).toMatchObject({ exitCode: 4, stdout: '' });
    await world.trust('gateway.example.test', 'a'.repeat(64));
    const machine = createTestMachine({ names: { 'gateway.example.test': ['203.0.113.7'] } });
    expect(await token([], machine)).toMatchObject({ exitCode: 4, stdout: '' });
  });

  it('renews one that is about to end', async () => {
    server = await startStandIn({
      routes: {
        'POST /oauth/token': (_request, response) =>
          json(response, 200, { access_token: 'access-2', token_type: 'Bearer', expires_in: 3600 }),
      },
    });
    await world.signIn({ gateway: server.origin, expiresAtMs: Date.now() + 60_000 });
    expect((await token()).stdout).toBe('access-2\n');
    expect((await token()).stdout).toBe('access-2\n');
    expect(server.seen.filter(({ url }) => url === '/oauth/token')).toHaveLength(1);
  });

  it('is that of the gateway signed in to last, or of the one named', async () => {
    await world.signIn({ gateway: 'http://127.0.0.1:1', accessToken: 'a', signedInAtMs: 2 });
    await world.signIn({ gateway: 'http://127.0.0.1:2', accessToken: 'b', signedInAtMs: 1 });
    expect((await token()).stdout).toBe('a\n');
    expect((await token(['--gateway-url', 'http://127.0.0.1:2'])).stdout).toBe('b\n');
  });

  it('needs a sign-in', async () => {
    expect(await token()).toMatchObject({
      exitCode: 3,
      stdout: '',
      stderr: expect.stringContaining('sallyport login'),
    });
    const named = await token(['--gateway-url', 'https://c.example.test']);
    expect(named.exitCode).toBe(3);
    expect(named.stderr).toContain('sallyport login --gateway-url https://c.example.test');
  });

  it('says that the session is over', async () => {
    server = await startStandIn({
      routes: {
        'POST /oauth/token': (_request, response) => json(response, 401, { error: 'invalid_grant' }),
      },
    });
    await world.signIn({ gateway: server.origin, expiresAtMs: 0 });
    const result = await token();
    expect(result).toMatchObject({ exitCode: 3, stdout: '' });
    expect(result.stderr).toContain(`The session at ${server.origin} is over`);
  });

  it('says that it cannot be renewed right now, and stays signed in', async () => {
    server = await startStandIn({
      routes: {
        'POST /oauth/token': (_request, response) =>
          json(response, 503, { error: 'temporarily_unavailable' }),
      },
    });
    await world.signIn({ gateway: server.origin, expiresAtMs: 0 });
    const result = await token();
    expect(result).toMatchObject({ exitCode: 1, stdout: '' });
    expect(result.stderr).toContain('you stay signed in');
    expect(await world.stored(server.origin)).toBeDefined();
  });

  it('sends no refresh token to a changed certificate', async () => {
    const authority = createAuthority();
    const [old, fresh] = [
      authority.issue(['DNS:gateway.example.test']),
      authority.issue(['DNS:gateway.example.test']),
    ];
    server = await startStandIn({ tls: fresh });
    await world.signIn({ gateway: server.origin, expiresAtMs: 0 });
    await world.trust('gateway.example.test', old.fingerprint);
    const machine = createTestMachine({
      names: { 'gateway.example.test': ['127.0.0.1'] },
      authorities: [authority.certificate],
    });
    const result = await token([], machine);
    expect(result).toMatchObject({ exitCode: 4, stdout: '' });
    expect(server.applicationBytes()).toBe(0);
  });

  it('sends no refresh token to a gateway whose name now leads to a public address', async () => {
    await world.signIn({ gateway: 'https://gateway.example.test', expiresAtMs: 0 });
    await world.trust('gateway.example.test', 'a'.repeat(64));
    const machine = createTestMachine({ names: { 'gateway.example.test': ['203.0.113.7'] } });
    expect((await token([], machine)).exitCode).toBe(4);
  });
});
