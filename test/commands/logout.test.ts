import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerLogout } from '../../src/commands/logout.ts';
import { json, type StandIn, startStandIn } from '../client/stand-in-gateway.ts';
import { createTestMachine } from '../client/test-machine.ts';
import { runCommand } from '../support/memory-host.ts';
import { createDeveloperWorld, type DeveloperWorld } from './developer-world.ts';

let world: DeveloperWorld;
const servers: StandIn[] = [];

beforeEach(async () => {
  world = await createDeveloperWorld();
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  await world.remove();
});

async function gateway(status = 200): Promise<StandIn> {
  const server = await startStandIn({
    routes: { 'POST /oauth/revoke': (_request, response) => json(response, status, {}) },
  });
  servers.push(server);
  return server;
}

const logout = (argv: readonly string[] = []) =>
  runCommand(world.host(), (program, host) => registerLogout(program, host, createTestMachine({})), [
    'logout',
    ...argv,
  ]);
const revoked = (server: StandIn) =>
  server.seen.filter(({ url }) => url === '/oauth/revoke').map(({ form }) => form.get('token'));

describe('logout', () => {
  it('revokes at the gateway, forgets, and says both', async () => {
    const server = await gateway();
    await world.signIn({ gateway: server.origin });
    const result = await logout();
    expect(result).toMatchObject({ exitCode: 0, stdout: '' });
    expect(result.stderr).toBe(
      `Signed out of ${server.origin}: the gateway has ended the session, and it is forgotten here\n`,
    );
    expect(revoked(server)).toEqual(['refresh-1']);
    expect(await world.stored(server.origin)).toBeUndefined();
  });

  it('forgets also when the gateway cannot be reached, and says so', async () => {
    const server = await gateway();
    await server.close();
    await world.signIn({ gateway: server.origin });
    const result = await logout();
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toContain('but the gateway has not ended it: Could not reach');
    expect(await world.stored(server.origin)).toBeUndefined();
  });

  it('forgets also when the gateway does not confirm, and says so', async () => {
    const server = await gateway(503);
    await world.signIn({ gateway: server.origin });
    expect((await logout()).stderr).toContain('but the gateway has not ended it: it did not confirm');
    expect(await world.stored(server.origin)).toBeUndefined();
  });

  it('sends no token to a gateway that is not trusted any more, forgets, and ends with 4', async () => {
    await world.signIn({ gateway: 'https://gateway.example.test' });
    const result = await logout();
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toContain('but the gateway has not ended it: Nobody has trusted');
    expect(await world.stored('https://gateway.example.test')).toBeUndefined();
  });

  it('ends the last session only, or all with --all', async () => {
    const [a, b, c] = [await gateway(), await gateway(), await gateway()];
    await world.signIn({ gateway: a.origin, signedInAtMs: 1 });
    await world.signIn({ gateway: b.origin, signedInAtMs: 2 });
    await world.signIn({ gateway: c.origin, signedInAtMs: 3 });
    await logout();
    expect([revoked(a), revoked(b), revoked(c)].map((tokens) => tokens.length)).toEqual([0, 0, 1]);
    await logout(['--all']);
    expect([revoked(a), revoked(b), revoked(c)].map((tokens) => tokens.length)).toEqual([1, 1, 1]);
  });

  it('has nothing to do when not signed in', async () => {
    expect(await logout()).toMatchObject({ exitCode: 0, stderr: 'Not signed in: nothing to do\n' });
    expect(await logout(['--all'])).toMatchObject({ exitCode: 0 });
  });

  it('refuses --all together with a gateway', async () => {
    expect((await logout(['--all', '--gateway-url', 'a.example.test'])).exitCode).toBe(2);
  });
});
