import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { childEnv, registerRun } from '../../src/commands/run.ts';
import { json, type StandIn, startStandIn } from '../client/stand-in-gateway.ts';
import { createTestMachine } from '../client/test-machine.ts';
import { type MemoryHostOptions, runCommand } from '../support/memory-host.ts';
import { createDeveloperWorld, type DeveloperWorld } from './developer-world.ts';

let world: DeveloperWorld;
let server: StandIn;
let started: () => void;

beforeEach(async () => {
  started = () => undefined;
  world = await createDeveloperWorld();
  server = await startStandIn({
    routes: {
      'GET /v1/models': (_request, response) => {
        started();
        json(response, 200, { data: [] });
      },
    },
  });
  await world.signIn({ gateway: server.origin });
});

afterEach(async () => {
  await server.close();
  await world.remove();
});

const hostOf = (options: MemoryHostOptions = {}) =>
  world.host({ ...options, env: { PATH: process.env['PATH'] } });

const run = (command: readonly string[], options: readonly string[] = [], given = hostOf()) =>
  runCommand(given, (program, host) => registerRun(program, host, createTestMachine({})), [
    'run',
    ...options,
    '--',
    ...command,
  ]);
const script = (code: string) => [process.execPath, '--input-type=module', '-e', code];

const FETCH = `
  const { ANTHROPIC_BASE_URL: url, ANTHROPIC_AUTH_TOKEN: token } = process.env;
  const response = await fetch(url + '/v1/models', { headers: { authorization: 'Bearer ' + token } });
  process.exit(response.status === 200 ? 7 : 1);`;

describe('run', () => {
  it('gives the command a door to the gateway and passes its exit code on', async () => {
    const { exitCode, stdout, stderr } = await run(script(FETCH));
    expect([exitCode, stdout, stderr]).toEqual([7, '', '']);
    expect(server.seen.at(-1)?.headers.authorization).toBe('Bearer access-1');
  });

  it('keeps the token from the command', async () => {
    const check = `process.exit(Object.values(process.env).some((value) => value.includes('access-1')) ? 1 : 0)`;
    expect((await run(script(check))).exitCode).toBe(0);
  });

  it('gives it the gateway and the token themselves with --direct', async () => {
    const check = `process.exit(process.env.ANTHROPIC_BASE_URL === '${server.origin}' && process.env.ANTHROPIC_AUTH_TOKEN === 'access-1' ? 0 : 1)`;
    expect((await run(script(check), ['--direct'])).exitCode).toBe(0);
  });

  it("passes the command's own flags through", async () => {
    const check = `process.exit(process.argv.includes('--debug') && process.argv.includes('--model') ? 0 : 1)`;
    expect((await run([...script(check), '--', '--debug', '--model'])).exitCode).toBe(0);
  });

  it('ends with 128 plus the signal that ended the command', async () => {
    expect(
      (
        await run(
          script(`process.kill(process.pid, 'SIGTERM'); await new Promise(() => setInterval(() => {}, 1e6))`),
        )
      ).exitCode,
    ).toBe(143);
  });

  /** Says that it has started, then ends with 11 on SIGINT and 15 on SIGTERM. */
  const LISTENING = `
    process.on('SIGINT', () => process.exit(11)).on('SIGTERM', () => process.exit(15));
    const { ANTHROPIC_BASE_URL: url, ANTHROPIC_AUTH_TOKEN: token } = process.env;
    await fetch(url + '/v1/models', { headers: { authorization: 'Bearer ' + token } });
    setInterval(() => {}, 1e6);`;

  it.each([
    ['SIGTERM', 15],
    ['SIGINT', 11],
  ] as const)('hands %s on', async (signal, exitCode) => {
    const host = hostOf();
    started = () => host.signal(signal);
    expect((await run(script(LISTENING), [], host)).exitCode).toBe(exitCode);
  });

  it('leaves Ctrl-C to the terminal, which sends it to the command as well', async () => {
    const host = hostOf({ answers: [] });
    started = () => {
      host.signal('SIGINT');
      host.signal('SIGTERM');
    };
    expect((await run(script(LISTENING), [], host)).exitCode).toBe(15);
  });

  it('says that there is no such command', async () => {
    const result = await run(['no-such-command-anywhere']);
    expect(result).toMatchObject({ exitCode: 127, stderr: 'There is no command no-such-command-anywhere\n' });
  });

  it('finds out that the session is over before the command starts', async () => {
    await world.signIn({ gateway: server.origin, expiresAtMs: 0, refreshToken: undefined });
    expect((await run(script('process.exit(9)'))).exitCode).toBe(3);
  });

  it('needs a command', async () => {
    expect((await run([])).exitCode).toBe(2);
  });
});

describe('the environment of the command', () => {
  it('has no other credential and does not lead the door through a proxy', () => {
    const env = childEnv(
      { ANTHROPIC_API_KEY: 'own', HTTP_PROXY: 'http://p', NO_PROXY: 'a.test', KEEP: '1' },
      { url: 'http://127.0.0.1:1', secret: 's' },
    );
    expect(env).toEqual({
      HTTP_PROXY: 'http://p',
      KEEP: '1',
      NO_PROXY: 'a.test,127.0.0.1',
      no_proxy: 'a.test,127.0.0.1',
      ANTHROPIC_BASE_URL: 'http://127.0.0.1:1',
      ANTHROPIC_AUTH_TOKEN: 's',
    });
  });

  it('leaves the proxy rules alone with --direct', () => {
    const env = childEnv({ NO_PROXY: 'a.test' }, { url: 'https://gateway.example.test', secret: 's' });
    expect(env['NO_PROXY']).toBe('a.test');
  });
});
