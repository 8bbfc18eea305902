import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configFolder } from '../../src/client/config-folder.ts';
import { type Credentials, createCredentialStore } from '../../src/client/credentials.ts';
import { createTrustedCertificates } from '../../src/client/trusted-certificates.ts';

let root: string;
let folder: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sallyport-credentials-'));
  folder = join(root, 'sallyport');
});

afterEach(() => rm(root, { recursive: true, force: true }));

const at = (gateway: string, signedInAtMs = 1): Credentials => ({
  gateway,
  email: 'ada@example.test',
  accessToken: 'access',
  expiresAtMs: 2,
  refreshToken: undefined,
  signedInAtMs,
});

const A = 'https://a.example.test';
const B = 'https://[fd00::1]:8443';
const store = () => createCredentialStore(folder, 'linux');
const fileOf = async () => join(folder, 'sessions', (await readdir(join(folder, 'sessions')))[0] ?? '');

describe('stored sessions', () => {
  it('are kept by gateway, the latest sign-in first', async () => {
    await store().save(at(A, 1));
    await store().save(at(B, 2));
    expect((await store().list()).sessions).toEqual([at(B, 2), at(A, 1)]);
    await store().remove(B);
    await store().remove(B);
    expect((await store().list()).sessions).toEqual([at(A, 1)]);
    expect(await store().read(B)).toBeUndefined();
  });

  it('are none before the first sign-in', async () => {
    expect(await store().list()).toEqual({ sessions: [], unusable: [] });
    expect(await store().read(A)).toBeUndefined();
  });

  it('lie in files of mode 0600 in a folder of mode 0700, without leftovers', async () => {
    await store().save(at(A));
    await store().save(at(A, 5));
    expect((await stat(await fileOf())).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'sessions'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(folder, 'sessions'))).toHaveLength(1);
  });

  it.each([0o640, 0o604, 0o620, 0o644, 0o666])(
    'are refused when others have rights on the file (%o)',
    async (mode) => {
      await store().save(at(A));
      await chmod(await fileOf(), mode);
      await expect(store().read(A)).rejects.toMatchObject({ code: 'unsafe_file_mode' });
      expect(await store().list()).toMatchObject({
        sessions: [],
        unusable: [{ gateway: A, problem: { code: 'unsafe_file_mode' } }],
      });
    },
  );

  it('are not put where others can write', async () => {
    await mkdir(join(folder, 'sessions'), { recursive: true });
    await chmod(join(folder, 'sessions'), 0o777);
    await expect(store().save(at(A))).rejects.toMatchObject({ code: 'unsafe_file_mode' });
    expect(await readdir(join(folder, 'sessions'))).toEqual([]);
  });

  it.each(['', '{', '[]', '{"version":2}', '{"version":1,"gateway":"https://a.example.test"}'])(
    'that make no sense (%s) are said to be so without quoting them',
    async (text) => {
      await store().save(at(A));
      await writeFile(await fileOf(), text);
      await expect(store().read(A)).rejects.toMatchObject({ code: 'credentials_unreadable' });
    },
  );

  it.each(['%zz', 'https%3a%2f%2Fa.example.test', 'ftp%3A%2F%2Fa.example.test', 'notes', ''])(
    'are listed beside a file whose name is not that of a gateway (%s), which can be deleted',
    async (name) => {
      await store().save(at(A));
      const path = join(folder, 'sessions', `${name}.json`);
      await writeFile(path, '{}', { mode: 0o600 });
      const { sessions, unusable } = await store().list();
      expect(sessions).toEqual([at(A)]);
      expect(unusable).toMatchObject([
        { path, gateway: undefined, problem: { code: 'credentials_unreadable' } },
      ]);
      for (const file of unusable) await store().discard(file);
      expect(await store().list()).toEqual({ sessions: [at(A)], unusable: [] });
    },
  );

  it('are listed beside a folder in their place, which is not deleted', async () => {
    await store().save(at(A));
    await mkdir(join(folder, 'sessions', `${encodeURIComponent(B)}.json`), { mode: 0o700 });
    const { sessions, unusable } = await store().list();
    expect(sessions).toEqual([at(A)]);
    expect(unusable).toMatchObject([{ gateway: B, problem: { code: 'credentials_unreadable' } }]);
    for (const file of unusable) {
      await expect(store().discard(file)).rejects.toMatchObject({ code: 'credentials_unreadable' });
    }
  });

  it('are not taken from a file under the name of another gateway', async () => {
    await store().save(at(A));
    const text = await readFile(await fileOf(), 'utf8');
    await writeFile(await fileOf(), text.replace('a.example.test', 'b.example.test'));
    await expect(store().read(A)).rejects.toMatchObject({ code: 'credentials_unreadable' });
  });
});

describe('trusted certificates', () => {
  const certificates = () => createTrustedCertificates(folder, 'linux');
  const print = (digit: string) => digit.repeat(64);

  it('are remembered by hostname, the latest standing', async () => {
    await certificates().remember('a.example.test', print('1'));
    await certificates().remember('b.example.test', print('2'));
    await certificates().remember('a.example.test', print('3'));
    expect(await certificates().find('a.example.test')).toBe(print('3'));
    expect(await certificates().find('b.example.test')).toBe(print('2'));
    expect(await certificates().find('constructor')).toBeUndefined();
  });

  it('are all kept when several are remembered at once', async () => {
    const hosts = Array.from({ length: 8 }, (_, index) => `h${index}.example.test`);
    await Promise.all(hosts.map((host) => certificates().remember(host, print('a'))));
    expect(await Promise.all(hosts.map((host) => certificates().find(host)))).toEqual(
      hosts.map(() => print('a')),
    );
  });

  it('are refused when others can write the list', async () => {
    await certificates().remember('a.example.test', print('1'));
    await chmod(join(folder, 'trusted-certificates.json'), 0o622);
    await expect(certificates().find('a.example.test')).rejects.toMatchObject({ code: 'unsafe_file_mode' });
  });
});

describe('the configuration folder', () => {
  it("is SALLYPORT_CONFIG_DIR or the platform's place", () => {
    expect(configFolder('linux', { SALLYPORT_CONFIG_DIR: '/x' }, '/home/ada')).toBe('/x');
    expect(configFolder('linux', {}, '/home/ada')).toBe('/home/ada/.config/sallyport');
    expect(configFolder('linux', { XDG_CONFIG_HOME: '/c' }, '/home/ada')).toBe('/c/sallyport');
    expect(configFolder('darwin', {}, '/Users/ada')).toBe('/Users/ada/Library/Application Support/Sallyport');
    expect(configFolder('win32', { APPDATA: '/r' }, '/u')).toBe(join('/r', 'Sallyport'));
  });
});
