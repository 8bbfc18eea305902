import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { managedSettingsPath, readManagedSettings } from '../../src/client/managed-settings-file.ts';

let root: string;
let path: string;
let warnings: string[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sallyport-managed-'));
  await mkdir(join(root, 'managed-settings.d'), { mode: 0o755 });
  path = join(root, 'managed-settings.json');
  warnings = [];
});

afterEach(() => rm(root, { recursive: true, force: true }));

const itself = (uid: number) => uid === 0 || uid === process.getuid?.();

function read(isAdministrator = itself) {
  const warn = (message: string) => void warnings.push(message);
  return readManagedSettings({ path, platform: 'linux', warn, isAdministrator });
}

async function put(file: string, content: unknown, mode = 0o644): Promise<void> {
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  await chmod(file, mode);
}

const url = (name: string) => ({ forceLoginGatewayUrl: `https://${name}.example.test` });

describe("the machine's managed settings", () => {
  it('lie where each system keeps them', () => {
    expect(managedSettingsPath('linux')).toBe('/etc/claude-code/managed-settings.json');
    expect(managedSettingsPath('darwin')).toBe(
      '/Library/Application Support/ClaudeCode/managed-settings.json',
    );
    expect(managedSettingsPath('win32')).toBe('C:\\Program Files\\ClaudeCode\\managed-settings.json');
  });

  it('may be absent', async () => {
    expect(await read()).toEqual({ requiresGateway: false, gatewayUrl: undefined, internalNetworks: [] });
    expect(warnings).toEqual([]);
  });

  it('may begin with a byte order mark', async () => {
    await put(path, `\uFEFF${JSON.stringify(url('base'))}`);
    expect((await read()).gatewayUrl).toBe('https://base.example.test');
    expect(warnings).toEqual([]);
  });

  it('are read with their drop-ins in name order, networks joined', async () => {
    await put(path, {
      forceLoginMethod: 'gateway',
      ...url('base'),
      gatewayInternalNetworks: ['11.0.0.0/16'],
    });
    await put(join(root, 'managed-settings.d', '20-b.json'), url('last'));
    await put(join(root, 'managed-settings.d', '10-a.json'), {
      ...url('first'),
      gatewayInternalNetworks: ['12.0.0.0/16', '11.0.0.0/16'],
    });
    await put(join(root, 'managed-settings.d', '.hidden.json'), url('hidden'));
    await put(join(root, 'managed-settings.d', 'notes.txt'), 'not settings');
    expect(await read()).toEqual({
      requiresGateway: true,
      gatewayUrl: 'https://last.example.test',
      internalNetworks: ['11.0.0.0/16', '12.0.0.0/16'],
    });
    expect(warnings).toEqual([]);
  });

  it.each([0o666, 0o664, 0o646])(
    'are ignored with a warning when others can write the file (%o)',
    async (mode) => {
      await put(path, url('evil'), mode);
      // The group of a temporary file is the tester's own, or root's where root runs the tests.
      const isRootGroup = process.getgid?.() === 0 && mode === 0o664;
      expect((await read()).gatewayUrl).toBe(isRootGroup ? 'https://evil.example.test' : undefined);
      expect(warnings).toHaveLength(isRootGroup ? 0 : 1);
    },
  );

  it('are ignored when somebody else owns the file', async () => {
    await put(path, url('evil'));
    expect((await read(() => false)).gatewayUrl).toBeUndefined();
    expect(warnings[0]).toContain('others than the administrator can write');
  });

  it('are ignored when others can replace the file in its folder', async () => {
    await put(path, url('evil'));
    await chmod(root, 0o777);
    expect((await read()).gatewayUrl).toBeUndefined();
    expect(warnings[0]).toContain(root);
  });

  it('are ignored when a link leads to a place where others can write', async () => {
    const elsewhere = join(root, 'elsewhere');
    await mkdir(elsewhere);
    await put(join(elsewhere, 'settings.json'), url('evil'));
    await chmod(elsewhere, 0o777);
    await symlink(join(elsewhere, 'settings.json'), path);
    expect((await read()).gatewayUrl).toBeUndefined();
    expect(warnings[0]).toContain(elsewhere);
  });

  it.each(['{', '[]', '"text"', '{"forceLoginGatewayUrl": 7}'])(
    'are ignored with a warning when they hold %s',
    async (text) => {
      await put(path, text);
      expect((await read()).gatewayUrl).toBeUndefined();
      expect(warnings).toHaveLength(1);
    },
  );

  it('have a warning where the drop-ins cannot be read', async () => {
    await rm(join(root, 'managed-settings.d'), { recursive: true });
    await put(join(root, 'managed-settings.d'), 'not a folder');
    await put(path, url('base'));
    expect((await read()).gatewayUrl).toBe('https://base.example.test');
    expect(warnings).toEqual([
      `Ignoring the managed settings in ${join(root, 'managed-settings.d')}: it cannot be read`,
    ]);
  });

  it('do not require a gateway for another sign-in method', async () => {
    await put(path, { forceLoginMethod: 'console' });
    expect((await read()).requiresGateway).toBe(false);
  });

  it.each(['11.0.0.0/8', null, 7])(
    'pass on networks that are no list, so that they are refused: %j',
    async (value) => {
      await put(path, { gatewayInternalNetworks: value });
      await put(join(root, 'managed-settings.d', '10-a.json'), { gatewayInternalNetworks: ['11.0.0.0/16'] });
      expect((await read()).internalNetworks).toBe(value);
    },
  );
});
