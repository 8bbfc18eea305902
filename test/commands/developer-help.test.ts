import { describe, expect, it } from 'vitest';
import { registerAsk } from '../../src/commands/ask.ts';
import { registerEnv } from '../../src/commands/env.ts';
import { registerLogin } from '../../src/commands/login.ts';
import { registerLogout } from '../../src/commands/logout.ts';
import { registerModels } from '../../src/commands/models.ts';
import { registerRun } from '../../src/commands/run.ts';
import { registerSettings } from '../../src/commands/settings.ts';
import { registerStatus } from '../../src/commands/status.ts';
import { registerToken } from '../../src/commands/token.ts';
import { createMemoryHost, runCommand } from '../support/memory-host.ts';

const commands = {
  login: registerLogin,
  logout: registerLogout,
  status: registerStatus,
  token: registerToken,
  env: registerEnv,
  run: registerRun,
  ask: registerAsk,
  models: registerModels,
  settings: registerSettings,
};

describe('the help of a command', () => {
  it.each(Object.entries(commands))('of %s shows an example and --gateway-url', async (name, register) => {
    const { exitCode, stdout } = await runCommand(createMemoryHost(), register, [name, '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples?:\n  \\$ .*sallyport ${name}`));
    expect(stdout).toContain('--gateway-url <url>');
  });

  it.each(Object.entries(commands))(
    'is pointed at when %s gets a flag it does not know',
    async (name, register) => {
      const { exitCode, stdout, stderr } = await runCommand(createMemoryHost(), register, [
        name,
        '--gatway-url',
        'x',
      ]);
      expect(exitCode).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).toContain('--gateway-url');
    },
  );
});
