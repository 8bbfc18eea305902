import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

// The programs that tests start are the same ones over and over: Node keeps what it has compiled of them.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url));

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Has a run of its own: vitest.chaos.config.ts.
    exclude: [...configDefaults.exclude, 'test/chaos/**'],
    globalSetup: ['test/support/postgres-setup.ts'],
    setupFiles: ['test/support/fresh-transcript.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Half of the time a test waits for another process.
    maxWorkers: availableParallelism() + 2,
    // Loading the same parts for each file would take longer than all of the tests; no file may leave anything behind.
    isolate: false,
  },
});
