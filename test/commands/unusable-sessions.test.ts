import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Machine } from '../../src/client/machine.ts';
import type { Host } from '../../src/commands/host.ts';
import { registerLogout } from '../../src/commands/logout.ts';
import { registerStatus } from '../../src/commands/status.ts';
import { registerToken } from '../../src/commands/token.ts';
import { json, type StandIn, startStandIn } from '../client/stand-in-gateway.ts';
import { createTestMachine } from '../client/test-machine.ts';
import { type MemoryHostOptions, runCommand } from '../support/memory-host.ts';
import { createDeveloperWorld, type DeveloperWorld } from './developer-world.ts';

const OPEN = 'https://open.example.test';
let world: DeveloperWorld;
let server: StandIn;

beforeEach(async () => {
  world = await createDeveloperWorld();
  server = await startStandIn({
    routes: { 'POST /oauth/revoke': (_request, response) => json(response, 200, {}) },
  });
});

afterEach(async () => {
  await server.close();
  await world.remove();
});

const pathOf = (name: string) => join(world.folder, 'sessions', `${name}.json`);
const files = () => readdir(join(world.folder, 'sessions'));

/** A session whose file others can read, and a file that no session was ever stored in. */
async function leaveUnusable(): Promise<void> {
  await world.signIn({ gateway: OPEN, accessToken: 'open-access', signedInAtMs: Date.now() + 1_000 });
  await chmod(pathOf(encodeURIComponent(OPEN)), 0o644);
  await writeFile(pathOf('%zz'), 'zz', { mode: 0o600 });
}

type Register = (program: Command, host: Host, machine?: Machine) => void;
const run = (register: Register, argv: readonly string[], options: MemoryHostOptions = {}) =>
  runCommand(world.host(options), (program, host) => register(program, host, createTestMachine({})), argv);

describe('a session file that cannot be used', () => {
  beforeEach(leaveUnusable);

  it('does not keep token from another session, and is named with the way to mend it', async () => {
    await world.signIn({ gateway: server.origin });
    const { exitCode, stdout, stderr } = await run(registerToken, ['token']);
    expect([exitCode, stdout]).toEqual([0, 'access-1\n']);
    expect(stderr).toContain(`chmod go-rwx '${pathOf(encodeURIComponent(OPEN))}'`);
    expect(stderr).toContain(`${pathOf('%zz')} cannot be used`);
  });

  it('is what token fails for where there is no other session, or where it is meant', async () => {
    expect(await run(registerToken, ['token'])).toMatchObject({ stdout: '' });
    const named = await run(registerToken, ['token', '--gateway-url', OPEN]);
    expect(named).toMatchObject({ exitCode: 4, stdout: '' });
    expect(named.stderr).toContain(`sallyport login --gateway-url ${OPEN}`);
  });

  it('does not keep status from showing the others', async () => {
    await world.signIn({ gateway: server.origin });
    const { exitCode, stdout, stderr } = await run(registerStatus, ['status']);
    expect(exitCode).toBe(4);
    expect(stdout).toContain(server.origin);
    expect(stdout).not.toContain(OPEN);
    expect(stderr.match(/mode 644/g)).toHaveLength(1);
    expect(stderr.match(/%zz/g)).toHaveLength(1);
    const data = JSON.parse((await run(registerStatus, ['status'], { json: true })).stdout);
    expect(data.gateways).toHaveLength(1);
    expect(data.unusable_files.map(({ path }: { path: string }) => path).sort()).toEqual(
      [pathOf('%zz'), pathOf(encodeURIComponent(OPEN))].sort(),
    );
  });

  it('goes with logout --all, without its token being used', async () => {
    await world.signIn({ gateway: server.origin });
    const { exitCode, stderr } = await run(registerLogout, ['logout', '--all']);
    expect(exitCode).toBe(0);
    expect(stderr).toContain(`Signed out of ${server.origin}`);
    expect(stderr).toContain(`Deleted the file of the session at ${OPEN}`);
    expect(stderr).toContain("ask your gateway's operator to end the session");
    expect(await files()).toEqual([]);
  });

  it('goes with logout when its gateway is named', async () => {
    await world.signIn({ gateway: server.origin });
    expect((await run(registerLogout, ['logout', '--gateway-url', OPEN])).exitCode).toBe(0);
    expect(await files()).toHaveLength(2);
    expect(await world.stored(server.origin)).toBeDefined();
  });

  it('goes with logout when there is no other session', async () => {
    expect((await run(registerLogout, ['logout'])).exitCode).toBe(0);
    expect(await files()).toEqual([]);
  });

  it('stays, and is named, when logout ends another session', async () => {
    await world.signIn({ gateway: server.origin });
    const { exitCode, stderr } = await run(registerLogout, ['logout']);
    expect(exitCode).toBe(0);
    expect(stderr).toContain('mode 644');
    expect(await files()).toHaveLength(2);
  });
});

describe('a list of trusted certificates that cannot be used', () => {
  it('keeps nobody from seeing the other gateways', async () => {
    await world.trust('open.example.test', 'a'.repeat(64));
    await chmod(join(world.folder, 'trusted-certificates.json'), 0o644);
    await world.signIn({ gateway: OPEN });
    await world.signIn({ gateway: server.origin });
    const { exitCode, stdout, stderr } = await run(registerStatus, ['status']);
    expect(exitCode).toBe(4);
    expect(stdout).toContain(server.origin);
    expect(stdout).toContain('Others on this machine have rights on');
    expect(stderr).toContain(`sallyport login --gateway-url ${OPEN}`);
  });
});

describe('a folder for sessions that can be none', () => {
  it.each([
    ['status', registerStatus, ['status']],
    ['status of one gateway', registerStatus, ['status', '--gateway-url', OPEN]],
    ['token', registerToken, ['token']],
    ['logout', registerLogout, ['logout']],
  ])('is named by %s, with what to do', async (_what, register, argv) => {
    await world.signIn({ gateway: OPEN });
    const below = join(pathOf(encodeURIComponent(OPEN)), 'below');
    const { exitCode, stderr } = await run(register, argv, { env: { SALLYPORT_CONFIG_DIR: below } });
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      `${join(below, 'sessions')} cannot be opened (ENOTDIR): sessions are kept there; name a folder of your own in SALLYPORT_CONFIG_DIR\n`,
    );
  });
});
