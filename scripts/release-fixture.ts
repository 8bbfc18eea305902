// Writes test/fixtures/releases/<version>.json: everything this release leaves behind, for all later ones to read. Once for each
// release: what has been released is never written again.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';
import packageJson from '../package.json' with { type: 'json' };
import { MIGRATIONS_TABLE } from '../src/gateway/store/migrate.ts';
import { migrations } from '../src/gateway/store/migrations/migrations.ts';
import { openEmbeddedStore } from '../test/support/embedded-store.ts';
import { createManualClock } from '../test/support/manual-clock.ts';
import {
  fixturePath,
  hasFixture,
  issueEverything,
  type ReleaseFixture,
} from '../test/support/release-fixture.ts';
import { startReleaseGateway } from '../test/support/release-gateway.ts';

const { version: release } = packageJson;
const path = fixturePath(release);
if (hasFixture(release) && !process.argv.includes('--again')) {
  console.error(`${path} is there already. Before the release is out, --again makes it anew.`);
  process.exitCode = 1;
} else {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(await make()));
  const root = fileURLToPath(new URL('..', import.meta.url));
  execFileSync('npx', ['biome', 'format', '--write', path], { cwd: root, stdio: 'inherit' });
}

async function make(): Promise<ReleaseFixture> {
  const embedded = await openEmbeddedStore();
  try {
    const madeAtMs = Date.now();
    const gateway = await startReleaseGateway(embedded.store, createManualClock(madeAtMs));
    const issued = await issueEverything(gateway);
    await gateway.close();
    await embedded.close();
    return {
      release,
      madeAtMs,
      migrationsTable: MIGRATIONS_TABLE,
      migrations: migrations.map(({ id, name, statements }) => ({ id, name, statements: [...statements] })),
      rows: await rowsIn(join(embedded.folder, 'data')),
      issued,
    };
  } finally {
    embedded.remove();
  }
}

/** Every row of every table, but for the table of migrations. */
async function rowsIn(folder: string): Promise<ReleaseFixture['rows']> {
  const database = await PGlite.create({ dataDir: folder });
  const { rows: tables } = await database.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_name <> '_migrations' order by 1",
  );
  const rows: ReleaseFixture['rows'] = {};
  for (const { name } of tables) {
    const found = await database.query<{ row: Record<string, unknown> }>(
      `select to_jsonb(t) as row from "${name}" t order by 1`,
    );
    rows[name] = found.rows.map(({ row }) => row);
  }
  await database.close();
  return rows;
}
