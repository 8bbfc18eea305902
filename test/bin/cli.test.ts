import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

const launcher = readFileSync(fileURLToPath(new URL('../../bin/cli.js', import.meta.url)), 'utf8');

/** Stands in for the program: says how it was started, and ends as it is told. */
const PROGRAM = `export async function main() {
  console.log(JSON.stringify({ args: process.argv.slice(2), mark: process.env.SALLYPORT_RELAUNCHED ?? null }));
  if (process.argv.includes('wait')) await new Promise(() => setInterval(() => undefined, 1_000));
  process.exit(Number(process.argv[3] ?? 0));
}`;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-bin-'));
  write('package.json', '{"type":"module"}');
  write('dist/cli.js', PROGRAM);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): void {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Lays a checkout's pinned Node where the launcher looks for it. */
function pinNode(): void {
  const name = `node_modules/node-${process.platform}-${process.arch}`;
  write(`${name}/package.json`, '{}');
  mkdirSync(join(folder, name, 'bin'));
  symlinkSync(process.execPath, join(folder, name, 'bin/node'));
}

/** Runs the launcher as if this Node were of another version. */
function launch(version: string, ...args: readonly string[]): ChildProcess {
  const text = launcher.replaceAll('process.versions.node', JSON.stringify(version));
  expect(text).not.toBe(launcher);
  write('bin/cli.js', text);
  return spawn(process.execPath, [join(folder, 'bin/cli.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '' },
  });
}

async function ended(child: ChildProcess) {
  const printed = { out: '', err: '' };
  child.stdout?.on('data', (piece) => {
    printed.out += piece;
  });
  child.stderr?.on('data', (piece) => {
    printed.err += piece;
  });
  await once(child, 'close');
  return { code: child.exitCode, signal: child.signalCode, ...printed };
}

describe('the launcher', () => {
  it('holds to the range that the package declares', () => {
    expect(manifest.engines.node).toBe('^22.22.2 || ^24.15.0 || >=26');
  });

  it.each([
    '22.22.2',
    '22.22.3',
    '22.23.0',
    '24.15.0',
    '24.99.1',
    '26.0.0',
    '27.1.0',
    '26.0.0-nightly20261101',
  ])('starts the program on Node %s', async (version) => {
    const { code, out } = await ended(launch(version, 'a', '0'));
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ args: ['a', '0'], mark: null });
  });

  it.each([
    '18.20.8',
    '20.20.2',
    '21.7.3',
    '22.0.0',
    '22.21.9',
    '22.22.0',
    '22.22.1',
    '23.11.1',
    '24.0.0',
    '24.14.9',
    '25.9.0',
  ])('does not start it on Node %s, and says what to do', async (version) => {
    const { code, out, err } = await ended(launch(version));
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err).toMatch(
      /^sallyport needs Node 22 \(from 22\.22\.2\), 24 \(from 24\.15\) or 26 and newer; this is v/,
    );
    expect(err.trimEnd().split('\n').at(-1)).toMatch(/^Install one of them\. In a checkout, npm ci/);
  });

  it('runs it on the Node that a checkout pins, with its arguments and its exit code', async () => {
    pinNode();
    const { code, out } = await ended(launch('20.20.2', 'a', '7'));
    expect(code).toBe(7);
    // What the program starts must not take itself for a second start of this one.
    expect(JSON.parse(out)).toEqual({ args: ['a', '7'], mark: null });
  });

  it('hands signals through, and ends as the program did', async () => {
    pinNode();
    const child = launch('20.20.2', 'wait');
    const end = ended(child);
    await once(child.stdout ?? child, 'data');
    child.kill('SIGTERM');
    expect(await end).toMatchObject({ code: null, signal: 'SIGTERM' });
  });
});
