// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { chmod, mkdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { writeChange } from '../../src/commands/rotate-secret-apply.ts';
import { planChange } from '../../src/commands/rotate-secret-plan.ts';
import { createMemoryHost } from '../support/memory-host.ts';
import { createRotationWorld, OLD, type RotationWorld, START } from './rotation-world.ts';

let world: RotationWorld;

beforeEach(async () => {
  world = await createRotationWorld();
});

afterEach(() => world.remove());

const SECRET = /^[\w-]{43}$/;

describe('rotate-secret beside a plain text', () => {
  it('puts a new secret first, keeps the old one and the file as it was', async () => {
    await world.write(`"${OLD}" # from the first day`);
    const before = await world.text();
    const { exitCode, stdout, stderr } = await world.rotate();
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });

    const secrets = (await world.secrets()) as string[];
    expect(secrets).toEqual([expect.stringMatching(SECRET), OLD]);
    expect(await world.text()).toBe(
      before.replace(
        / "[\w-]{43}" # from the first day/,
        `\n    - "${secrets[0]}" # signs since 2026-10-07T09:12:44Z\n    - "${OLD}" # from the first day`,
      ),
    );
    expect(await world.text('gateway.yaml.bak')).toBe(before);
    expect(await world.names()).toEqual(['gateway.yaml', 'gateway.yaml.bak']);
    expect(stderr).toContain('Restart every gateway');
    expect(stderr).toContain(
      `From 2026-10-07T10:22:44Z on: sallyport rotate-secret --config ${world.file} --finish`,
    );
    expect(stderr).not.toContain(String(secrets[0]));
  });

  it('never makes the same secret twice', async () => {
    await world.write(OLD);
    await world.rotate();
    await world.rotate();
    await world.rotate();
    const secrets = (await world.secrets()) as string[];
    expect(new Set(secrets).size).toBe(4);
    expect(secrets.at(-1)).toBe(OLD);
  });

  it('keeps the mode of the file, for itself and for the copy', async () => {
    await world.write(OLD);
    await chmod(world.file, 0o640);
    await world.rotate();
    expect((await stat(world.file)).mode & 0o777).toBe(0o640);
    expect((await stat(`${world.file}.bak`)).mode & 0o777).toBe(0o640);
  });

  it('edits the file that a link leads to, and leaves the link', async () => {
    await world.write(OLD);
    await mkdir(join(world.folder, 'etc'));
    await rename(world.file, join(world.folder, 'etc', 'real.yaml'));
    await symlink(join('etc', 'real.yaml'), world.file);
    expect((await world.rotate()).exitCode).toBe(0);
    expect(await world.text(join('etc', 'real.yaml'))).toContain('signs since');
    expect(await world.names()).toEqual(['etc', 'gateway.yaml']);
  });

  it('takes turns with others that rotate at the same time', async () => {
    await world.write(OLD);
    const results = await Promise.all(Array.from({ length: 6 }, () => world.rotate()));
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0, 0, 0]);
    const secrets = (await world.secrets()) as string[];
    expect(new Set(secrets).size).toBe(7);
    expect(secrets.at(-1)).toBe(OLD);
    expect(await world.names()).toEqual(['gateway.yaml', 'gateway.yaml.bak']);
  });
});

describe('rotate-secret beside a variable', () => {
  it('adds a dated name and prints its value once', async () => {
    await world.write('${JWT_SECRET}');
    const { exitCode, stdout, stderr } = await world.rotate([], { env: { JWT_SECRET: OLD } });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^JWT_SECRET_20261007=[\w-]{43}\n$/);
    const value = stdout.trim().split('=')[1] ?? '';
    expect(await world.secrets()).toEqual(['${JWT_SECRET_20261007}', '${JWT_SECRET}']);
    expect(await world.text()).not.toContain(value);
    expect(stderr).not.toContain(value);
    expect(stderr).toContain('set JWT_SECRET_20261007 where JWT_SECRET is set, and keep JWT_SECRET');
  });

  it('finds another name when that one is set already', async () => {
    await world.write('${JWT_SECRET}');
    const { stdout } = await world.rotate([], { env: { JWT_SECRET_20261007: OLD } });
    expect(stdout).toMatch(/^JWT_SECRET_20261007_2=/);
  });
});

describe('rotate-secret beside a file', () => {
  it('writes a dated file for its owner only and names it', async () => {
    const path = join(world.folder, 'jwt');
    await writeFile(path, `${OLD}\n`, { mode: 0o644 });
    await world.write(`\${file:${path}}`);
    const { exitCode, stdout, stderr } = await world.rotate();
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(await world.secrets()).toEqual([`\${file:${path}.2026-10-07}`, `\${file:${path}}`]);
    expect((await world.text('jwt.2026-10-07')).trim()).toMatch(SECRET);
    expect((await stat(`${path}.2026-10-07`)).mode & 0o777).toBe(0o600);
    expect(stderr).toContain(`The new secret is in ${path}.2026-10-07`);

    await world.rotate();
    expect(await world.secrets()).toEqual([
      `\${file:${path}.2026-10-07-2}`,
      `\${file:${path}.2026-10-07}`,
      `\${file:${path}}`,
    ]);
  });
});

describe('a configuration that is not valid', () => {
  it.each([
    ['has no YAML', 'session: [', 2],
    ['has an unknown key', 'sesion: {}\n', 2],
  ])('stays as it is when it %s', async (_what, addition, exitCode) => {
    await world.write(OLD, addition);
    const before = await world.text();
    const result = await world.rotate();
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toMatch(/gateway\.yaml:\d+:\d+/);
    expect(await world.text()).toBe(before);
    expect(await world.names()).toEqual(['gateway.yaml']);
  });

  it('stays as it is when the new entry would break it', async () => {
    // The old secret stands in a file that is gone.
    await world.write('${file:/nowhere/jwt}');
    const before = await world.text();
    const { exitCode, stderr } = await world.rotate();
    expect(exitCode).toBe(2);
    expect(stderr).toContain('session.jwt_secret names the file /nowhere/jwt');
    expect(await world.text()).toBe(before);
  });

  it('is not rewritten when its bytes are no UTF-8', async () => {
    await world.write(OLD);
    const bytes = Buffer.concat([Buffer.from('# caf\xe9\n', 'latin1'), await readFile(world.file)]);
    await writeFile(world.file, bytes);
    expect(await world.rotate()).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('is not UTF-8'),
    });
    expect(await readFile(world.file)).toEqual(bytes);
  });

  it('may be missing', async () => {
    const { exitCode, stderr } = await world.rotate();
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`${world.file} cannot be read: there is no such file (ENOENT)`);
  });
});

describe('rotate-secret --print', () => {
  it('prints a secret of 256 bits and touches nothing', async () => {
    const first = await world.rotate(['--print']);
    const second = await world.rotate(['--print']);
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    expect(first.stdout.trim()).toMatch(SECRET);
    expect(Buffer.from(first.stdout.trim(), 'base64url')).toHaveLength(32);
    expect(second.stdout).not.toBe(first.stdout);
  });
});

describe('rotate-secret --now', () => {
  it('replaces the secret outright and says that every session ends', async () => {
    await world.write(`["${OLD}", "${OLD}x"]`);
    const { exitCode, stderr } = await world.rotate(['--now']);
    expect(exitCode).toBe(0);
    expect(await world.secrets()).toEqual([expect.stringMatching(SECRET)]);
    expect(stderr).toContain('Every session ends');
    expect(stderr).toContain(`delete ${world.file}.bak`);
  });
});

describe('rotate-secret --dry-run', () => {
  it('shows the difference without secrets and changes nothing', async () => {
    await world.write(OLD);
    const before = await world.text();
    const { exitCode, stdout } = await world.rotate(['--dry-run']);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      '@@ line 8 @@\n-   jwt_secret: [secret]\n+   jwt_secret:\n+     - "[secret]" # signs since 2026-10-07T09:12:44Z\n+     - [secret]\n'.replace(
        '"[secret]"',
        '[secret]',
      ),
    );
    expect(await world.text()).toBe(before);
    expect(await world.names()).toEqual(['gateway.yaml']);
  });

  it('prints no value of a variable', async () => {
    await world.write('${JWT_SECRET}');
    const { stdout, stderr } = await world.rotate(['--dry-run', '--now']);
    expect(stdout).toContain('${JWT_SECRET_20261007}');
    expect(`${stdout}${stderr}`).not.toContain('=');
  });
});

describe('the flags of rotate-secret', () => {
  it.each([
    ['--print --now', 'exclude each other'],
    ['--finish --now', 'exclude each other'],
    ['--print --dry-run', 'exclude each other'],
    ['--force', 'goes with --finish'],
    ['--yes', 'goes with --finish'],
    ['--finnish', '--finish'],
  ])('%s is a mistake', async (flags, why) => {
    await world.write(OLD);
    const before = await world.text();
    const { exitCode, stderr } = await world.rotate(flags.split(' '));
    expect(exitCode).toBe(2);
    expect(stderr).toContain(why);
    expect(await world.text()).toBe(before);
  });

  it('are shown with examples', async () => {
    const { exitCode, stdout } = await world.rotate(['--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('$ sallyport rotate-secret --config gateway.yaml --finish');
  });
});

describe('a file that cannot be written', () => {
  /** For a name as long as names may be, no copy beside it can be made: what holds for root as well. */
  async function withLongName(): Promise<string> {
    const long = join(world.folder, `${'g'.repeat(250)}.yaml`);
    await rename(world.file, long);
    return long;
  }

  it('goes to stdout with the reason', async () => {
    await world.write(OLD);
    const before = await world.text();
    const long = await withLongName();
    const { exitCode, stdout, stderr } = await world.rotate(['--config', long]);
    expect(exitCode).toBe(1);
    expect(parse(stdout).session.jwt_secret).toEqual([expect.stringMatching(SECRET), OLD]);
    expect(stderr).toContain(`Put the text on stdout in place of ${long}`);
    expect(stderr).toContain(`${long} cannot be written: the name is too long`);
    expect(await readFile(long, 'utf8')).toBe(before);
  });

  it('goes there with the new value of a variable, in a comment, so that it stays a configuration', async () => {
    await world.write('${JWT_SECRET}');
    const long = await withLongName();
    const { stdout, stderr } = await world.rotate(['--config', long]);
    const [, value = ''] = /^# JWT_SECRET_20261007=([\w-]{43})\n/.exec(stdout) ?? [];
    expect(value).toMatch(SECRET);
    expect(parse(stdout).session.jwt_secret).toEqual(['${JWT_SECRET_20261007}', '${JWT_SECRET}']);
    expect(stderr).toContain('Its first line holds the new secret');
    expect(stderr).not.toContain(value);
  });

  it.each(['${JWT_SECRET}', OLD])('loses no secret when only the last step fails: %s', async (entry) => {
    await world.write(entry);
    const before = await world.text();
    // A file cannot take the place of a folder.
    await mkdir(`${world.file}.bak`);
    const { exitCode, stdout, stderr } = await world.rotate();
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      entry === OLD ? /"[\w-]{43}" # signs since/ : /^# JWT_SECRET_20261007=[\w-]{43}\n/,
    );
    expect(stderr).toContain('cannot be written: it is a folder (EISDIR)');
    expect(await world.text()).toBe(before);
    expect(await world.names()).toEqual(['gateway.yaml', 'gateway.yaml.bak']);
  });

  it('goes there after the secret when it cannot take its place once that is printed', async () => {
    await world.write('${JWT_SECRET}');
    const text = await world.text();
    // As where a file is mounted by itself: nothing else can take its name.
    const mounted = join(world.folder, 'mounted.yaml');
    await mkdir(mounted);
    const target = { name: 'mounted.yaml', path: mounted, rights: await stat(world.file) };
    const inputs = { nowMs: START, newSecret: () => 'n'.repeat(43), isTaken: () => false };
    const host = createMemoryHost();
    await expect(writeChange(host, target, planChange('add', text, inputs))).rejects.toMatchObject({
      code: 'config_not_writable',
    });
    const [first, ...rest] = host.out().split('\n');
    expect(first).toBe(`JWT_SECRET_20261007=${'n'.repeat(43)}`);
    expect(parse(rest.join('\n')).session.jwt_secret).toEqual(['${JWT_SECRET_20261007}', '${JWT_SECRET}']);
    expect(host.err()).toContain('Its first line holds the new secret');
    expect(await world.names()).toEqual(['gateway.yaml', 'mounted.yaml', 'mounted.yaml.bak']);
  });

  it('goes there without the secret when that has got its file', async () => {
    const path = join(world.folder, 'jwt');
    await writeFile(path, OLD);
    await world.write(`\${file:${path}}`);
    const { stdout, stderr } = await world.rotate(['--config', await withLongName()]);
    expect(stdout).toMatch(/^# The gateway of Example Inc\.\n/);
    expect(await world.text('jwt.2026-10-07')).toMatch(/^[\w-]{43}\n$/);
    expect(stderr).toContain(`The new secret is in ${path}.2026-10-07`);
  });

  it('is the whole step when the file for the secret cannot be made', async () => {
    const path = join(world.folder, 'j'.repeat(250));
    await writeFile(path, OLD);
    await world.write(`\${file:${path}}`);
    const before = await world.text();
    const { exitCode, stdout, stderr } = await world.rotate();
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^# \/.*j\.2026-10-07: [\w-]{43}\n/);
    expect(stderr).toContain(`${path}.2026-10-07: the name is too long`);
    expect(await world.text()).toBe(before);
  });
});
