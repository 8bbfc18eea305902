import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerSettings } from '../../src/commands/settings.ts';
import { type Handler, json, type StandIn, startStandIn } from '../client/stand-in-gateway.ts';
import { createTestMachine } from '../client/test-machine.ts';
import { runCommand } from '../support/memory-host.ts';
import { createDeveloperWorld, type DeveloperWorld } from './developer-world.ts';

let world: DeveloperWorld;
let server: StandIn;

beforeEach(async () => {
  world = await createDeveloperWorld();
});

afterEach(async () => {
  await server.close();
  await world.remove();
});

async function settings(handler: Handler, options = {}) {
  server = await startStandIn({
    routes: {
      'GET /managed/settings': handler,
      'POST /oauth/token': (_request, response) => json(response, 401, { error: 'invalid_grant' }),
    },
  });
  await world.signIn({ gateway: server.origin });
  return runCommand(
    world.host(options),
    (program, host) => registerSettings(program, host, createTestMachine({})),
    ['settings'],
  );
}

const checksum = `sha256:${'0123456789abcdef'.repeat(4)}`;

const served = (document: unknown): Handler => {
  const answer = { uuid: 'a policy', checksum, settings: document };
  return (_request, response) => json(response, 200, answer);
};

const none: Handler = (_request, response) =>
  json(response, 404, { type: 'error', error: { type: 'not_found_error', message: 'no settings' } });

describe('the settings of a developer', () => {
  it('are shown by their paths, the items of a list below one another, with the checksum', async () => {
    const { exitCode, stdout, stderr } = await settings(
      served({
        availableModels: ['opus', 'sonnet'],
        env: { ZERO: '0' },
        permissions: { deny: ['Read(./.env)'], allow: [], defaultMode: 'plan' },
        hooks: { Stop: [{ hooks: [{ type: 'command', command: 'true' }] }] },
        cleanupPeriodDays: 7,
        pluginConfigs: {},
      }),
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toBe(
      [
        'availableModels          opus',
        '                         sonnet',
        'env.ZERO                 0',
        'permissions.deny         Read(./.env)',
        'permissions.allow        []',
        'permissions.defaultMode  plan',
        'hooks.Stop               {"hooks":[{"type":"command","command":"true"}]}',
        'cleanupPeriodDays        7',
        'pluginConfigs            {}',
        '',
        `Checksum  ${checksum}`,
        '',
      ].join('\n'),
    );
    expect(server.seen.at(-1)?.headers.authorization).toBe('Bearer access-1');
  });

  it('are printed as data with everything the gateway says', async () => {
    const { stdout } = await settings(served({ model: 'opus' }), { json: true });
    expect(JSON.parse(stdout)).toEqual({ uuid: 'a policy', checksum, settings: { model: 'opus' } });
  });

  it('cannot move the cursor of a terminal', async () => {
    const { stdout } = await settings(served({ 'mo\u001b[2Jdel': 'op\u001b[2J\u0007us\nmodel evil' }));
    expect(stdout).toBe(`mo[2Jdel  op[2Jus model evil\n\nChecksum  ${checksum}\n`);
  });

  it('may be those of a policy that sets nothing', async () => {
    const result = await settings(served({}));
    expect(result).toMatchObject({
      exitCode: 0,
      stdout: `Checksum  ${checksum}\n`,
      stderr: 'Your policy sets nothing.\n',
    });
  });

  it('may be none, which a sentence says', async () => {
    const result = await settings(none);
    expect(result).toMatchObject({ exitCode: 0, stdout: '' });
    expect(result.stderr).toBe(`${server.origin} has no managed settings for you.\n`);
  });

  it('are null as data where there are none', async () => {
    expect((await settings(none, { json: true })).stdout).toBe('null\n');
  });

  it.each([
    [401, { type: 'error', error: { type: 'authentication_error', message: 'no' } }, 3, 'is over'],
    [403, { type: 'error', error: { type: 'permission_error', message: 'Not you' } }, 5, 'Not you'],
    [500, { type: 'error', error: { type: 'api_error', message: 'Broken' } }, 1, 'Broken'],
    [200, { settings: { model: 'opus' } }, 1, 'make no sense'],
    [200, { checksum, settings: [] }, 1, 'make no sense'],
  ])('are not to be had with %i', async (status, body, exitCode, sentence) => {
    const result = await settings((_request, response) => json(response, status, body));
    expect(result).toMatchObject({ exitCode, stdout: '' });
    expect(result.stderr).toContain(sentence);
  });
});
