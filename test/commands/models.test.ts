import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerModels } from '../../src/commands/models.ts';
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

async function models(handler: Handler, options = {}) {
  server = await startStandIn({
    routes: {
      'GET /v1/models': handler,
      'POST /oauth/token': (_request, response) => json(response, 401, { error: 'invalid_grant' }),
    },
  });
  await world.signIn({ gateway: server.origin });
  return runCommand(
    world.host(options),
    (program, host) => registerModels(program, host, createTestMachine({})),
    ['models'],
  );
}

const two = {
  data: [
    { type: 'model', id: 'claude-opus-4-8', display_name: 'Claude Opus 4.8', extra: 1 },
    { type: 'model', id: 'claude-haiku-5-5', display_name: 'Claude\u001b[2J Haiku 5.5' },
  ],
  has_more: false,
};

describe('models', () => {
  it('are listed in columns', async () => {
    const { exitCode, stdout } = await models((_request, response) => json(response, 200, two));
    expect(exitCode).toBe(0);
    expect(stdout).toBe('claude-opus-4-8   Claude Opus 4.8\nclaude-haiku-5-5  Claude[2J Haiku 5.5\n');
    expect(server.seen.at(-1)?.headers.authorization).toBe('Bearer access-1');
  });

  it('are printed as data with everything the gateway says', async () => {
    const { stdout } = await models((_request, response) => json(response, 200, two), { json: true });
    expect(JSON.parse(stdout)).toEqual({ data: two.data });
  });

  it('are collected over all pages', async () => {
    const { stdout } = await models(({ url }, response) =>
      url.includes('after_id=a')
        ? json(response, 200, { data: [{ id: 'b' }], has_more: false, last_id: 'b' })
        : json(response, 200, { data: [{ id: 'a' }], has_more: true, last_id: 'a' }),
    );
    expect(stdout).toBe('a\nb\n');
  });

  it('may be none', async () => {
    const result = await models((_request, response) => json(response, 200, { data: [] }));
    expect(result).toMatchObject({ exitCode: 0, stdout: '' });
    expect(result.stderr).toContain('No model is allowed');
  });

  it.each([
    [401, { type: 'error', error: { type: 'authentication_error', message: 'no' } }, 3, 'is over'],
    [403, { type: 'error', error: { type: 'permission_error', message: 'Not you' } }, 5, 'Not you'],
    [500, { type: 'error', error: { type: 'api_error', message: 'Broken' } }, 1, 'Broken'],
    [502, 'a page of a load balancer', 1, 'it answered 502'],
    [200, { unexpected: true }, 1, 'makes no sense'],
  ])('are not to be had with %i', async (status, body, exitCode, sentence) => {
    const result = await models((_request, response) => json(response, status, body));
    expect(result).toMatchObject({ exitCode, stdout: '' });
    expect(result.stderr).toContain(sentence);
  });
});
