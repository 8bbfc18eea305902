// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { registerConfig } from '../../src/commands/config-validate.ts';
import { fileWith, SECRET } from '../config/config-file.ts';
import { createMemoryHost, type MemoryHostOptions, runCommand } from '../support/memory-host.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-validate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function validate(args: readonly string[], options: MemoryHostOptions = {}) {
  const host = { ...createMemoryHost(options), cwd: folder };
  return runCommand(host, registerConfig, ['config', 'validate', ...args]);
}

const valid = written('valid.yaml', fileWith());
const wrong = written(
  'wrong.yaml',
  fileWith({
    listen: 'listen:\n  host: 127.0.0.1\n  prot: 1\n',
    session: 'session:\n  jwt_secret: hunter2\n',
  }),
);
const warned = written(
  'warned.yaml',
  fileWith({ listen: 'listen:\n  public_url: https://gw.example.com\n' }),
);
const needing = written('needing.yaml', fileWith({ session: 'session:\n  jwt_secret: ${JWT_SECRET}\n' }));

describe('config validate', () => {
  it('says that a file is valid, and what to do next', async () => {
    expect(await validate([valid])).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: `Valid: ${valid}. Try the store and the identity provider as well: sallyport gateway --config ${valid} --check\n`,
    });
  });

  it('looks for gateway.yaml where it is run', async () => {
    expect(await validate([])).toMatchObject({ exitCode: 2, stdout: '' });
    written('gateway.yaml', fileWith());
    const result = await validate([]);
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toContain('Valid: gateway.yaml.');
  });

  it('names every problem, and ends with 2', async () => {
    const result = await validate([wrong]);
    expect(result.exitCode).toBe(2);
    expect(result.stdout).toBe(`${wrong}:3:3 error listen.prot is not a known key
  fix: did you mean port?
  2 |   host: 127.0.0.1
> 3 |   prot: …
        ^
  4 | oidc:

${wrong}:9:15 error session.jwt_secret must be a secret of at least 32 bytes, found a string of 7 bytes
  fix: make one with \`sallyport rotate-secret --print\`
   8 | session:
>  9 |   jwt_secret: …
                     ^
  10 | store:

`);
    expect(result.stderr).toBe(
      `${wrong}: 2 errors. Correct them and run again: sallyport config validate ${wrong}\n`,
    );
  });

  it('prints problems as data', async () => {
    const result = await validate([wrong], { json: true });
    expect(result.exitCode).toBe(2);
    expect(JSON.parse(result.stdout)).toEqual({
      problems: [
        {
          severity: 'error',
          path: 'listen.prot',
          line: 3,
          column: 3,
          message: 'is not a known key',
          hint: 'did you mean port?',
        },
        {
          severity: 'error',
          path: 'session.jwt_secret',
          line: 9,
          column: 15,
          message: 'must be a secret of at least 32 bytes, found a string of 7 bytes',
          hint: 'make one with `sallyport rotate-secret --print`',
        },
      ],
    });
    expect(JSON.parse((await validate([valid], { json: true })).stdout)).toEqual({ problems: [] });
  });

  it('ends with 0 when there are warnings only', async () => {
    const result = await validate([warned]);
    expect(result.exitCode).toBe(0);
    expect(result.stdout).toContain('warning access_control.allow_cidrs is empty');
    expect(result.stderr).toContain(`Valid: ${warned}, 1 warning.`);
  });

  it('wants the variables that the file names, unless told not to', async () => {
    const without = await validate([needing]);
    expect(without.exitCode).toBe(2);
    expect(without.stdout).toContain('names the variable JWT_SECRET, which is not set');
    expect((await validate([needing], { env: { JWT_SECRET: SECRET } })).exitCode).toBe(0);
    const accepted = await validate([needing, '--no-env']);
    expect(accepted).toMatchObject({ exitCode: 0, stdout: '' });
    expect(accepted.stderr).toContain(
      `Check it where the variables are set: sallyport config validate ${needing}`,
    );
  });

  it('repeats --no-env in what to run again', async () => {
    expect((await validate([wrong, '--no-env'])).stderr).toContain(`config validate ${wrong} --no-env\n`);
  });

  it('judges allow-lists by the catalog', async () => {
    const path = written(
      'lists.yaml',
      fileWith({
        managed: 'managed:\n  policies: [{ match: {}, cli: { availableModels: [opus, gpt-5] } }]\n',
      }),
    );
    expect((await validate([path])).stdout).toContain(
      'availableModels[1] names no model of the catalog, found "gpt-5"',
    );
  });

  it('says why a file cannot be read', async () => {
    const nowhere = join(folder, 'nowhere.yaml');
    expect(await validate([nowhere])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `${nowhere} cannot be read: there is no such file; check the path, and that this user may read it\n`,
    });
  });

  it('shows itself with an example', async () => {
    const { exitCode, stdout } = await validate(['--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('$ sallyport config validate gateway.yaml');
    expect(stdout).not.toContain('--online');
  });

  it('refuses what it does not know', async () => {
    expect((await validate([valid, '--online'])).exitCode).toBe(2);
    expect((await validate([valid, 'another.yaml'])).exitCode).toBe(2);
  });
});
