import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A change of one source file: what stands there, and what stands there in the other build. */
export type Edit = readonly [file: string, from: string, to: string];

export interface OtherBuild {
  readonly cli: string;
  remove(): void;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A copy of this build in which some things are different. Throws when an edit does not find what it changes. */
export function makeOtherBuild(edits: readonly Edit[]): OtherBuild {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-build-'));
  for (const name of ['bin', 'src', 'package.json'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const [file, from, to] of edits) {
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    if (text.split(from).length !== 2) throw new Error(`${file} has not exactly one: ${from}`);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
  }
  return {
    cli: join(folder, 'bin/cli.js'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
