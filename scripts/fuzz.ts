// Tries every property test for as long as it is told: `npm run fuzz -- --minutes 60`. What fails prints the command that repeats
// it: `npm run fuzz -- --seed S --path P <file> -t <test>`. Files, or parts of their names, narrow it down.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** In one go a property keeps its process from answering the runner, which has little patience. */
const LONGEST_SHARE_MS = 20_000;
const SHORTEST_SHARE_MS = 500;

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string' },
    path: { type: 'string' },
    testNamePattern: { type: 'string', short: 't' },
  },
});
const files = propertyFiles();
const count = files.reduce((sum, { properties }) => sum + properties, 0);
const mostInAFile = Math.max(...files.map(({ properties }) => properties));
process.exitCode = options.seed === undefined ? fuzz(Number(options.minutes) * 60_000) : repeat(options.seed);

/** Rounds over all properties, each with seeds of its own, until the time is over or one has failed. */
function fuzz(timeMs: number): number {
  if (!(timeMs > 0) || count === 0) {
    console.error(
      count === 0 ? `no property test matches ${wanted.join(' ')}` : '--minutes wants a number above 0',
    );
    return 2;
  }
  const endMs = performance.now() + timeMs;
  for (let round = 1; ; round += 1) {
    const leftMs = endMs - performance.now();
    // A file is one process's.
    const fairMs = Math.min((leftMs * availableParallelism()) / count, leftMs / mostInAFile);
    const shareMs = Math.round(Math.max(SHORTEST_SHARE_MS, Math.min(LONGEST_SHARE_MS, fairMs)));
    console.log(`round ${round}: ${count} properties in ${files.length} files, ${shareMs} ms each`);
    const code = vitest({ PROPERTY_FUZZ_MS: String(shareMs) });
    if (code !== 0) return code;
    // Less is left than the runner takes to start.
    if (endMs - performance.now() < Math.max(timeMs / 20, 10_000)) return 0;
  }
}

function repeat(seed: string): number {
  return vitest({
    PROPERTY_SEED: seed,
    ...(options.path === undefined ? {} : { PROPERTY_PATH: options.path }),
  });
}

function vitest(env: Readonly<Record<string, string>>): number {
  const pattern = options.testNamePattern === undefined ? [] : ['-t', options.testNamePattern];
  const { status } = spawnSync(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--testTimeout=0',
      ...pattern,
      ...files.map(({ path }) => path),
    ],
    { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } },
  );
  return status ?? 1;
}

function propertyFiles(): { readonly path: string; readonly properties: number }[] {
  return readdirSync(`${root}test`, { encoding: 'utf8', recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => ({ path: `test/${name}`, text: readFileSync(`${root}test/${name}`, 'utf8') }))
    .filter(({ path, text }) => text.includes("../support/property-runs.ts'") && isWanted(path))
    .map(({ path, text }) => ({ path, properties: text.split('fc.assert(').length - 1 }));
}

function isWanted(path: string): boolean {
  return wanted.length === 0 || wanted.some((part) => path.includes(part));
}
