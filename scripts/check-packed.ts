// Packs the package, installs the tarball in an empty folder and runs it there, as somebody who got it from a registry would.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sallyport-packed-'));
const run = (command: string, args: string[], cwd: string): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

try {
  const tarball =
    run('npm', ['pack', '--silent', '--pack-destination', folder], root).trim().split('\n').at(-1) ?? '';
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'elsewhere', private: true }));
  run('npm', ['install', '--silent', '--prefer-offline', join(folder, tarball)], folder);

  const installed = join(folder, 'node_modules/sallyport');
  const { version, optionalDependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  expect(optionalDependencies === undefined, 'the packed package carries no pinned Node');

  const sallyport = (...args: string[]) =>
    run(process.execPath, [join(installed, 'bin/cli.js'), ...args], folder);
  expect(sallyport('--version').trim() === version, '--version prints the version');
  expect(sallyport('--help').includes('gateway'), '--help lists the commands');
  expect(JSON.parse(sallyport('schema')).$schema.includes('2020-12'), 'schema prints a JSON Schema');
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not so: ${what}`);
  console.error(`ok: ${what}`);
}
