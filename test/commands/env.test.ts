import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assignment, registerEnv, removal } from '../../src/commands/env.ts';
import { createTestMachine } from '../client/test-machine.ts';
import { type MemoryHostOptions, runCommand } from '../support/memory-host.ts';
import { createDeveloperWorld, type DeveloperWorld } from './developer-world.ts';

let world: DeveloperWorld;

beforeEach(async () => {
  world = await createDeveloperWorld();
  await world.signIn({ gateway: 'https://gateway.example.test', accessToken: 'tok' });
  await world.trust('gateway.example.test', 'a'.repeat(64));
});

afterEach(() => world.remove());

const env = (argv: readonly string[], options: MemoryHostOptions = {}) =>
  runCommand(world.host(options), (program, host) => registerEnv(program, host, createTestMachine({})), [
    'env',
    ...argv,
  ]);

describe('env', () => {
  it.each([
    ['sh', "export ANTHROPIC_BASE_URL='https://gateway.example.test'\nexport ANTHROPIC_AUTH_TOKEN='tok'\n"],
    [
      'fish',
      "set -gx ANTHROPIC_BASE_URL 'https://gateway.example.test'\nset -gx ANTHROPIC_AUTH_TOKEN 'tok'\n",
    ],
    [
      'powershell',
      "$env:ANTHROPIC_BASE_URL = 'https://gateway.example.test'\n$env:ANTHROPIC_AUTH_TOKEN = 'tok'\n",
    ],
  ])('sets both variables in %s', async (shell, stdout) => {
    expect(await env(['--shell', shell])).toEqual({ exitCode: 0, stdout, stderr: '' });
  });

  it('speaks the shell in use', async () => {
    expect((await env([], { env: { SHELL: '/usr/bin/fish' } })).stdout).toMatch(/^set -gx/);
    expect((await env([], { env: { SHELL: '/bin/zsh' } })).stdout).toMatch(/^export/);
    expect((await env([], { platform: 'win32' })).stdout).toMatch(/^\$env:/);
  });

  it('says on a terminal how to use the lines', async () => {
    expect((await env([], { stdoutIsTerminal: true })).stderr).toContain('eval "$(sallyport env)"');
  });

  it('refuses a shell it does not know', async () => {
    expect(await env(['--shell', 'tcsh'])).toMatchObject({ exitCode: 2, stdout: '' });
  });

  it.each([
    ['sh', 'unset ANTHROPIC_API_KEY'],
    ['fish', 'set -eg ANTHROPIC_API_KEY'],
    ['powershell', 'Remove-Item Env:ANTHROPIC_API_KEY -ErrorAction SilentlyContinue'],
  ])('unsets a key of the Anthropic API that is set in %s, and says so', async (shell, line) => {
    const options = { env: { ANTHROPIC_API_KEY: 'sk-ant-1' } };
    const { exitCode, stdout, stderr } = await env(['--shell', shell], options);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n').slice(2)).toEqual([line, '']);
    expect(stderr).toContain('ANTHROPIC_API_KEY is set here');
    expect(stdout + stderr).not.toContain('sk-ant-1');
    expect((await env(['--shell', shell])).stdout).not.toContain('ANTHROPIC_API_KEY');
  });

  it('leaves a shell without the key', () => {
    const printed = execFileSync('sh', ['-euc', `${removal('sh', 'V')}; printf %s "\${V-unset}"`], {
      encoding: 'utf8',
      env: { V: 'key' },
    });
    expect(printed).toBe('unset');
  });

  it('prints nothing for a gateway whose certificate nobody has trusted', async () => {
    await world.signIn({ gateway: 'https://other.example.test', signedInAtMs: Date.now() + 1 });
    expect(await env([])).toMatchObject({ exitCode: 4, stdout: '' });
  });

  it('quotes values so that a shell takes them literally', () => {
    const value = `a'b"c$(d)\`e\`\\`;
    const printed = execFileSync('sh', ['-c', `${assignment('sh', 'V', value)}; printf %s "$V"`], {
      encoding: 'utf8',
    });
    expect(printed).toBe(value);
    expect(assignment('fish', 'V', "a'b\\")).toBe("set -gx V 'a\\'b\\\\'");
    expect(assignment('powershell', 'V', "a'b")).toBe("$env:V = 'a''b'");
  });
});
