// Packs the package, installs the tarball in an empty folder and runs it there, as somebody who got it from a registry would.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { signInWithoutBrowser } from '../test/support/oidc-provider.ts';
import { createPrograms } from './programs.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sallyport-packed-'));
const run = (command: string, args: string[], cwd: string): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

try {
  const tarball =
    run('npm', ['pack', '--silent', '--pack-destination', folder], root).trim().split('\n').at(-1) ?? '';
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'elsewhere', private: true }));
  // Nothing that the product needs may have to run while it is installed.
  run('npm', ['install', '--silent', '--prefer-offline', '--ignore-scripts', join(folder, tarball)], folder);

  const installed = join(folder, 'node_modules/sallyport');
  const { version, optionalDependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  expect(optionalDependencies === undefined, 'the packed package carries no pinned Node');

  const { metadata, components } = JSON.parse(readFileSync(join(installed, 'dist/sbom.cdx.json'), 'utf8'));
  expect(metadata.component.version === version && components.length > 0, 'it carries its bill of materials');

  const sallyport = (...args: string[]) =>
    run(process.execPath, [join(installed, 'bin/cli.js'), ...args], folder);
  expect(sallyport('--version').trim() === version, '--version prints the version');
  expect(sallyport('--help').includes('gateway'), '--help lists the commands');
  expect(JSON.parse(sallyport('schema')).$schema.includes('2020-12'), 'schema prints a JSON Schema');
  await walk(join(installed, 'bin/cli.js'));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The newcomer's way in an empty folder: the practice gateway, a sign-in, a question. */
async function walk(cli: string): Promise<void> {
  const cwd = join(folder, 'empty');
  mkdirSync(cwd);
  const env = {
    PATH: process.env['PATH'],
    HOME: cwd,
    TMPDIR: folder,
    SALLYPORT_CONFIG_DIR: join(folder, 'developer'),
    NO_COLOR: '1',
  };
  const start = createPrograms({ cli, env, cwd });
  const gateway = start('gateway', '--dev');
  try {
    const [, url = ''] = await gateway.seen(/listening on (http\S+)\s/);
    expect(url !== '', 'gateway --dev listens');
    const login = start('login', '--gateway-url', url, '--no-browser', '--yes');
    const [, link = ''] = await login.seen(/(http\S+\/device\?\S+)\s/);
    await signInWithoutBrowser(link);
    await login.ended();
    const answer = await start('ask', 'What is a sally port?').ended();
    expect(
      /practice model/.test(answer) && /output tokens/.test(answer),
      'ask streams an answer with its figures',
    );
    const [recorded] = await gateway.seen(/\{.*"evt":"inference".*\}/);
    expect(JSON.parse(recorded).outcome === 'complete', 'the gateway wrote down how it ended');
    gateway.child.kill('SIGTERM');
    await gateway.ended();
    expect(readdirSync(cwd).length === 0, 'nothing is left behind in the folder');
    const practice = readdirSync(folder).filter((name) => name.startsWith('sallyport-practice-'));
    expect(practice.length === 0, 'the temporary store is gone');
  } finally {
    gateway.child.kill('SIGKILL');
  }
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not so: ${what}`);
  console.error(`ok: ${what}`);
}
