import { defineConfig } from 'vitest/config';
import usual from './vitest.config.ts';

/** What breaks on purpose, each scenario until all is as before: too long for every `npm test`, so it has a run of its own. */
export default defineConfig({
  test: {
    ...usual.test,
    include: ['test/chaos/*.test.ts'],
    exclude: [],
    testTimeout: 60_000,
    // They measure memory and descriptors, and wait for the end of outages: more at once would wait for each other.
    maxWorkers: 2,
  },
});
