// Asks the registry for advisories about what the lockfile pins. Fails on one that is high or critical in a package of the
// product, and when there is no clear answer. A registry that keeps no advisories is no failure, and is said.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { judgeAdvisories } from './supply-chain/advisories.ts';
import { productPackages, readLockfile } from './supply-chain/lockfile.ts';

const cwd = fileURLToPath(new URL('..', import.meta.url));
const { stdout } = spawnSync('npm', ['audit', '--json', '--package-lock-only'], { cwd, encoding: 'utf8' });
const packages = productPackages(readLockfile());
const advisories = judgeAdvisories(stdout ?? '', new Set(packages.map(({ path }) => path)));

switch (advisories.kind) {
  case 'asked':
    for (const line of advisories.other) console.error(`lesser, or in a tool: ${line}`);
    for (const line of advisories.grave) console.error(`grave: ${line}`);
    console.error(`${packages.length} packages of the product, ${advisories.grave.length} grave advisories`);
    process.exitCode = advisories.grave.length > 0 ? 1 : 0;
    break;
  case 'not_kept':
    console.error(`NOT CHECKED: this registry keeps no advisories (${advisories.status})`);
    break;
  case 'unknown':
    console.error('the registry gave no clear answer; npm audit says more');
    process.exitCode = 1;
}
