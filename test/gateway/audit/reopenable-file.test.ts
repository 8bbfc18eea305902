import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLineWriter } from '../../../src/gateway/audit/line-writer.ts';
import { createReopenableFile } from '../../../src/gateway/audit/reopenable-file.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-audit-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(at(name), 'utf8');

describe('an audit file', () => {
  it('is appended to, and is nobody else’s to read', async () => {
    for (const line of ['one\n', 'two\n']) {
      const lines = createLineWriter(createReopenableFile(at('audit.log')));
      lines.write(line);
      await lines.flush();
    }
    expect(read('audit.log')).toBe('one\ntwo\n');
    expect(statSync(at('audit.log')).mode & 0o777).toBe(0o600);
  });

  it('is opened anew after a rotation, with nothing lost', async () => {
    const file = createReopenableFile(at('audit.log'));
    const lines = createLineWriter(file);
    lines.write('one\n');
    await lines.flush();
    renameSync(at('audit.log'), at('audit.log.1'));
    lines.write('two\n');
    await new Promise((resolve) => setImmediate(resolve));
    file.reopen();
    lines.write('three\n');
    await lines.flush();
    expect(read('audit.log.1')).toBe('one\ntwo\n');
    expect(read('audit.log')).toBe('three\n');
    expect(lines.lost).toBe(0);
  });

  it('that cannot be written counts its lines as lost, and is tried again', async () => {
    const lines = createLineWriter(createReopenableFile(at('missing/audit.log')));
    lines.write('one\n');
    lines.write('two\n');
    await lines.flush();
    expect(lines.lost).toBe(2);
    mkdirSync(at('missing'));
    lines.write('three\n');
    await lines.flush();
    expect(read('missing/audit.log')).toBe('three\n');
    expect(lines.lost).toBe(2);
  });

  it.for([false, true])(
    'on a disk that was full goes on with a line of its own, reopened: %s',
    async (isReopened, { annotate }) => {
      const disk = at('disk');
      mkdirSync(disk);
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', disk], { stdio: 'ignore' });
      } catch {
        return void (await annotate('left out: this user may not mount a small disk'));
      }
      try {
        const file = createReopenableFile(at('disk/audit.log'));
        const lines = createLineWriter(file);
        writeFileSync(at('disk/other'), 'x'.repeat(4_096));
        lines.write(`${'a'.repeat(5_000)}\n`);
        await lines.flush();
        expect(lines.lost).toBe(1);
        expect(statSync(at('disk/audit.log')).size).toBe(4_096);
        rmSync(at('disk/other'));
        if (isReopened) file.reopen();
        lines.write('three\n');
        await lines.flush();
        expect(read('disk/audit.log').split('\n')).toEqual(['a'.repeat(4_096), 'three', '']);
      } finally {
        execFileSync('umount', ['-l', disk]);
      }
    },
  );
});
