import type { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerAsk } from '../../src/commands/ask.ts';
import type { Host } from '../../src/commands/host.ts';
import { registerLogin } from '../../src/commands/login.ts';
import { registerModels } from '../../src/commands/models.ts';
import { type Handler, json, type StandIn, startStandIn } from '../client/stand-in-gateway.ts';
import { createTestMachine } from '../client/test-machine.ts';
import { runCommand } from '../support/memory-host.ts';
import { createDeveloperWorld, type DeveloperWorld } from './developer-world.ts';

const SECRETS = ['access-1', 'access-2', 'refresh-1', 'refresh-2', 'device-code', 'the prompt', 'the answer'];
const TOKENS = {
  access_token: 'access-2',
  token_type: 'Bearer',
  expires_in: 3_600,
  refresh_token: 'refresh-2',
};

let world: DeveloperWorld;
let server: StandIn;

beforeEach(async () => {
  world = await createDeveloperWorld();
});

afterEach(async () => {
  await server.close();
  await world.remove();
});

const id = { 'request-id': 'req_1' };
const tokens: Handler = (_request, response) => json(response, 200, TOKENS, id);
const models: Handler = (_request, response) => json(response, 200, { data: [{ id: 'm' }] }, id);

type Register = (program: Command, host: Host, machine: ReturnType<typeof createTestMachine>) => void;

/** The lines of --debug, with the gateway and the times left out. */
async function debugLines(register: Register, argv: readonly string[]): Promise<readonly string[]> {
  const { stderr } = await runCommand(
    world.host({ debug: true }),
    (program, host) => register(program, host, createTestMachine({})),
    argv,
  );
  for (const secret of SECRETS) expect(stderr).not.toContain(secret);
  const lines = stderr.split('\n').filter((line) => line.startsWith('debug: '));
  return lines.map((line) =>
    line
      .slice('debug: '.length)
      .replace(server.origin, 'GATEWAY')
      .replace(/ \d+ ms$/, ' T ms')
      .replace(/ \d+ s left/, ' S s left'),
  );
}

describe('--debug', () => {
  it('says what is sent where, what is answered, and why a token is renewed', async () => {
    server = await startStandIn({ routes: { 'POST /oauth/token': tokens, 'GET /v1/models': models } });
    await world.signIn({ gateway: server.origin, expiresAtMs: Date.now() + 60_000 });
    expect(await debugLines(registerModels, ['models'])).toEqual([
      'token: S s left, renewing it',
      'GET GATEWAY/.well-known/oauth-authorization-server 404 T ms',
      'POST GATEWAY/oauth/token 200 req_1 T ms',
      'token: renewed, S s left',
      'GET GATEWAY/v1/models?limit=… 200 req_1 T ms',
    ]);
    expect(await debugLines(registerModels, ['models'])).toEqual([
      'token: good, S s left',
      'GET GATEWAY/v1/models?limit=… 200 req_1 T ms',
    ]);
  });

  it('shows both tries when the gateway refuses a token', async () => {
    const messages: Handler = ({ headers }, response) =>
      headers.authorization === 'Bearer access-2'
        ? void response.writeHead(200, id).end('{"text":"the answer"}')
        : json(response, 401, { type: 'error', error: { type: 'authentication_error', message: 'no' } });
    server = await startStandIn({ routes: { 'POST /oauth/token': tokens, 'POST /v1/messages': messages } });
    await world.signIn({ gateway: server.origin });
    expect(await debugLines(registerAsk, ['ask', '--model', 'm', 'the prompt'])).toEqual([
      'token: good, S s left',
      'POST GATEWAY/v1/messages 401 T ms',
      'token: the gateway refused it, renewing it',
      'GET GATEWAY/.well-known/oauth-authorization-server 404 T ms',
      'POST GATEWAY/oauth/token 200 req_1 T ms',
      'token: renewed, S s left',
      'POST GATEWAY/v1/messages 200 req_1 T ms',
    ]);
  });

  it('shows a request that came to nothing, and that it is tried again', async () => {
    const cut: Handler = (_request, response) => void response.destroy();
    server = await startStandIn({ routes: { 'POST /oauth/token': cut, 'GET /v1/models': models } });
    await world.signIn({ gateway: server.origin, expiresAtMs: Date.now() + 60_000 });
    const lines = await debugLines(registerModels, ['models']);
    const failed = expect.stringMatching(
      /^POST GATEWAY\/oauth\/token failed \(gateway_unreachable: \w+\) T ms$/,
    );
    expect(lines.slice(2)).toEqual([
      failed,
      'token: no answer to the renewal, asking once more',
      failed,
      'token: not renewed, but good for now: S s left',
      'GET GATEWAY/v1/models?limit=… 200 req_1 T ms',
    ]);
  });

  it('shows the exchanges of a sign-in', async () => {
    const device: Handler = (_request, response) =>
      json(response, 200, {
        device_code: 'device-code',
        user_code: 'BCDF-GHJK',
        verification_uri: `${server.origin}/device`,
        expires_in: 600,
        interval: 1,
      });
    server = await startStandIn({
      routes: { 'POST /oauth/device_authorization': device, 'POST /oauth/token': tokens },
    });
    expect(
      await debugLines(registerLogin, ['login', '--no-browser', '--gateway-url', server.origin]),
    ).toEqual([
      'GET GATEWAY/.well-known/oauth-authorization-server 404 T ms',
      'POST GATEWAY/oauth/device_authorization 200 T ms',
      'POST GATEWAY/oauth/token 200 req_1 T ms',
    ]);
  });

  it('is silent unless it is asked for', async () => {
    server = await startStandIn({ routes: { 'GET /v1/models': models } });
    await world.signIn({ gateway: server.origin });
    const result = await runCommand(
      world.host(),
      (program, host) => registerModels(program, host, createTestMachine({})),
      ['models'],
    );
    expect(result).toEqual({ exitCode: 0, stdout: 'm\n', stderr: '' });
  });
});
