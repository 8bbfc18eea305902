import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder } from '../../src/kernel/make-folder.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-folder-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);

describe('making a folder', () => {
  it('makes those above it as well, all with its mode', () => {
    makeFolder(at('a/b/c'), 0o700);
    expect(['a', 'a/b', 'a/b/c'].map((name) => statSync(at(name)).mode & 0o777)).toEqual([
      0o700, 0o700, 0o700,
    ]);
  });

  it('leaves one that is there as it is, behind a link too', () => {
    makeFolder(at('a'), 0o755);
    symlinkSync(at('a'), at('link'));
    for (const name of ['a', 'link']) makeFolder(at(name), 0o700);
    expect(statSync(at('a')).mode & 0o777).toBe(0o755);
    makeFolder('/');
  });

  it('takes a path that ends in a slash', () => {
    makeFolder(`${at('a/b')}/`);
    expect(existsSync(at('a/b'))).toBe(true);
  });

  it.each([
    ['a file', 'file', 'EEXIST'],
    ['below a file', 'file/x/y', 'ENOTDIR'],
    ['a link to nothing', 'dangling', 'EEXIST'],
    ['below a link to nothing', 'dangling/x', 'EEXIST'],
  ])('gives the reason for %s', (_name, path, code) => {
    writeFileSync(at('file'), '');
    symlinkSync(at('nowhere'), at('dangling'));
    expect(() => makeFolder(at(path))).toThrow(expect.objectContaining({ code }));
  });

  it.skipIf(!existsSync('/proc/self'))('gives up where no folder can be made', () => {
    for (const path of ['/proc/sallyport', '/proc/sallyport/store'])
      expect(() => makeFolder(path)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});
