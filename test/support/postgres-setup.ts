import { rmSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import { createPristine, findPostgresBinaries, startCluster } from './postgres-cluster.ts';

/** What the run has of PostgreSQL; undefined when this machine has none. */
export interface PostgresProvision {
  /** A superuser's URL; tests make databases of their own there. */
  readonly url: string;
  readonly binaries: string;
  readonly pristineFolder: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    postgres: PostgresProvision | null;
  }
}

/**
 * One server for the whole run, or TEST_DATABASE_URL: a superuser's, of a server that asks for passwords (what is stopped or
 * paused is a server of its own either way). In CI its absence is a failure; elsewhere the tests
 * that need it are left out.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const binaries = findPostgresBinaries();
  if (binaries === undefined) {
    const missing = 'PostgreSQL is not installed here (no initdb in /usr/lib/postgresql/*/bin or in PATH)';
    if (process.env['CI']) throw new Error(`${missing}: install it, the tests of the store need it`);
    project.vitest.logger.warn(`${missing}: the tests that need it are left out`);
    project.provide('postgres', null);
    return undefined;
  }
  const pristine = createPristine(binaries);
  const shared = process.env['TEST_DATABASE_URL'];
  const cluster =
    shared === undefined ? await startCluster(pristine, { alsoRemove: pristine.folder }) : undefined;
  project.provide('postgres', {
    url: shared ?? cluster?.url() ?? '',
    binaries,
    pristineFolder: pristine.folder,
  });
  return async () => {
    await cluster?.remove();
    rmSync(pristine.folder, { recursive: true, force: true });
  };
}
