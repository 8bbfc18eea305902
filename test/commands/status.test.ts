import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bar, registerStatus } from '../../src/commands/status.ts';
import { type Handler, json, type StandIn, startStandIn } from '../client/stand-in-gateway.ts';
import { createTestMachine } from '../client/test-machine.ts';
import { runCommand } from '../support/memory-host.ts';
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

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = `${encode({ alg: 'HS256' })}.${encode({ sub: 'u1', email: 'ada@example.test', groups: ['eng', 'ops'] })}.signature`;

const usage: Handler = (_request, response) =>
  json(response, 200, {
    extra_usage: {
      is_enabled: true,
      monthly_limit: 50_000,
      used_credits: 27_140,
      utilization: 54,
      currency: 'USD',
    },
    limits: [
      {
        kind: 'spend',
        group: 'monthly',
        percent: 54,
        resets_at: '2027-01-01T00:00:00Z',
        severity: 'normal',
        is_active: true,
      },
    ],
  });

async function gateway(handler: Handler = usage): Promise<StandIn> {
  server = await startStandIn({ routes: { 'GET /api/oauth/usage': handler } });
  return server;
}

const status = (argv: readonly string[] = [], options = {}) =>
  runCommand(world.host(options), (program, host) => registerStatus(program, host, createTestMachine({})), [
    'status',
    ...argv,
  ]);

const END = Date.parse('2040-01-01T10:20:00Z');

describe('status', () => {
  it('shows account, groups, session end and caps', async () => {
    const { origin } = await gateway();
    await world.signIn({ gateway: origin, accessToken: jwt, expiresAtMs: END });
    const { exitCode, stdout } = await status();
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')).toEqual([
      origin,
      '  Account      ada@example.test',
      '  Groups       eng, ops',
      '  Session      until 2040-01-01 10:20 UTC, renews by itself',
      '  Monthly cap  ███████████░░░░░░░░░ 54 %, resets 2027-01-01 00:00 UTC',
      '',
    ]);
  });

  it('gives the same as data with --json', async () => {
    const { origin } = await gateway();
    await world.signIn({ gateway: origin, accessToken: jwt, expiresAtMs: END });
    const { stdout } = await status([], { json: true });
    expect(JSON.parse(stdout)).toEqual({
      gateways: [
        {
          gateway: origin,
          account: 'ada@example.test',
          groups: ['eng', 'ops'],
          token_expires_at: '2040-01-01T10:20:00.000Z',
          renewable: true,
          fingerprint: null,
          caps: [{ period: 'monthly', percent: 54, resets_at: '2027-01-01T00:00:00Z' }],
          problem: null,
        },
      ],
      unusable_files: [],
    });
  });

  it('lists every gateway, also those that cannot be reached, with their fingerprints', async () => {
    const { origin } = await gateway((_request, response) => json(response, 404, {}));
    await world.signIn({ gateway: origin, accessToken: 'opaque', signedInAtMs: 2 });
    await world.signIn({ gateway: 'https://b.example.test', signedInAtMs: 1 });
    await world.trust('b.example.test', 'ab'.repeat(32));
    const { exitCode, stdout } = await status();
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`^${origin}\n`));
    expect(stdout).toContain('https://b.example.test\n');
    expect(stdout).toContain('  Certificate  abababababababab\n');
    expect(stdout).toContain('  Gateway      Could not resolve gateway host b.example.test\n');
    expect(stdout).not.toContain(' cap ');
  });

  it('shows everything and ends with 4 when one is not to be trusted', async () => {
    const { origin } = await gateway();
    await world.signIn({ gateway: 'https://b.example.test', signedInAtMs: 2 });
    await world.signIn({ gateway: origin, accessToken: jwt, signedInAtMs: 1 });
    const { exitCode, stdout, stderr } = await status();
    expect(exitCode).toBe(4);
    expect(stdout).toContain('  Gateway      Nobody has trusted the TLS certificate of b.example.test yet\n');
    expect(stdout).toContain('  Monthly cap ');
    expect(stderr).toContain('--fingerprint');
  });

  it('shows only the gateway that is named', async () => {
    const { origin } = await gateway();
    await world.signIn({ gateway: origin });
    await world.signIn({ gateway: 'https://b.example.test' });
    const { stdout } = await status(['--gateway-url', origin]);
    expect(stdout).not.toContain('b.example.test');
  });

  it('prints nothing of a token, and texts of the gateway without control characters', async () => {
    const claims = encode({ email: 'a\u001b[2J@example.test', groups: ['g\u001b]0;x\u0007'] });
    const { origin } = await gateway();
    await world.signIn({ gateway: origin, accessToken: `h.${claims}.s`, email: undefined });
    const { stdout } = await status();
    expect(stdout).not.toMatch(/[\u001b\u0007]/);
    expect(stdout).not.toContain(claims);
  });

  it('needs a sign-in', async () => {
    expect(await status()).toMatchObject({ exitCode: 3, stdout: '' });
  });

  it('draws a cap that is more than full as full', () => {
    expect(bar({ period: 'daily', percent: 140, resetsAt: 'soon' })).toBe(
      `${'█'.repeat(20)} 140 %, resets soon`,
    );
  });
});
