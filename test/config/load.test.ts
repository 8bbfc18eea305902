// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig, readSecretFile } from '../../src/config/load.ts';
import { CodedError } from '../../src/kernel/coded-error.ts';
import { fileWith, SECRET } from './config-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-load-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const load = (path: string, env: Readonly<Record<string, string>> = {}) =>
  loadConfig(path, { env, readFile: readSecretFile });

async function failureOf(work: Promise<unknown>): Promise<CodedError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof CodedError) return error;
  throw new Error('no CodedError');
}

describe('loading a file', () => {
  it('gives the configuration, where it came from and its digest', async () => {
    const text = fileWith({ listen: 'listen: { host: 127.0.0.1, public_url: "https://gw.example.com" }\n' });
    const path = written('gateway.yaml', text);
    const loaded = await load(path);
    expect(loaded.config.listen.public_url).toBe('https://gw.example.com');
    expect(loaded.path).toBe(path);
    expect(loaded.sha256).toBe(createHash('sha256').update(text).digest('hex'));
    expect(loaded.warnings.map((warning) => warning.path)).toEqual(['access_control.allow_cidrs']);
  });

  it('reads secrets from files', async () => {
    const secret = written('jwt', `${SECRET}\n`);
    const path = written(
      'with-file.yaml',
      fileWith({ session: `session: { jwt_secret: "\${file:${secret}}" }\n` }),
    );
    const { config } = await load(path);
    expect(config.session.jwt_secret[0]?.reveal()).toBe(SECRET);
  });

  it('fails with every problem; the last line names the first of them and what to do', async () => {
    const text = fileWith({
      listen: 'listen: { host: 127.0.0.1, prot: 1 }\n',
      log: 'log: { format: xml }\n',
    });
    const path = written('wrong.yaml', text);
    const { code, detail = '' } = await failureOf(load(path));
    expect(code).toBe('config_invalid');
    expect(detail).toContain('log.format must be one of text, json, found "xml"');
    expect(detail.split('\n').at(-1)).toBe(
      `${path}:1:28: listen.prot is not a known key; did you mean port?`,
    );
  });

  it('names the first error even where a warning stands before it', async () => {
    const text = fileWith({
      listen: 'listen: { public_url: "https://gw.example.com" }\n',
      log: 'log: { format: xml }\n',
    });
    const { detail = '' } = await failureOf(load(written('warned.yaml', text)));
    expect(detail).toContain('warning access_control.allow_cidrs');
    expect(detail.split('\n').at(-1)).toContain('log.format must be one of');
  });

  it('tells why a file cannot be read', async () => {
    const nowhere = join(folder, 'nowhere.yaml');
    expect(await failureOf(load(nowhere))).toMatchObject({
      code: 'config_unreadable',
      detail: `${nowhere} cannot be read: there is no such file`,
    });
    const directory = join(folder, 'directory');
    mkdirSync(directory);
    expect((await failureOf(load(directory))).detail).toBe(`${directory} cannot be read: it is a folder`);
  });

  it('is refused without the variables it names', async () => {
    const path = written(
      'variables.yaml',
      fileWith({ session: 'session: { jwt_secret: "${JWT_SECRET}" }\n' }),
    );
    const { detail = '' } = await failureOf(load(path));
    expect(detail.split('\n').at(-1)).toContain(
      'session.jwt_secret names the variable JWT_SECRET, which is not set; set JWT_SECRET',
    );
    const incomplete = loadConfig(path, { env: {}, readFile: readSecretFile, requiresEnv: false });
    expect((await failureOf(incomplete)).code).toBe('config_invalid');
  });
});

describe('the file of a secret', () => {
  it('may be no folder, and not larger than 1 MiB', () => {
    expect(() => readSecretFile(folder)).toThrow(/EISDIR/);
    expect(() => readSecretFile(written('huge', 'x'.repeat(1024 * 1024 + 1)))).toThrow('larger than 1 MiB');
    expect(readSecretFile(written('fits', 'x'.repeat(1024 * 1024)))).toHaveLength(1024 * 1024);
  });

  it('that cannot be used is named with the reason', async () => {
    const path = written(
      'huge.yaml',
      fileWith({ session: `session: { jwt_secret: "\${file:${join(folder, 'huge')}}" }\n` }),
    );
    written('huge', 'x'.repeat(1024 * 1024 + 1));
    expect((await failureOf(load(path))).detail).toContain('cannot be read (it is larger than 1 MiB)');
    const inFolder = written(
      'folder.yaml',
      fileWith({ session: `session: { jwt_secret: "\${file:${folder}}" }\n` }),
    );
    expect((await failureOf(load(inFolder))).detail).toContain('cannot be read (it is a folder)');
  });
});
