import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const Names = z.record(z.string(), z.string()).default({});

const Package = z.object({
  name: z.string().optional(),
  version: z.string().optional(),
  license: z.string().optional(),
  integrity: z.string().optional(),
  hasInstallScript: z.boolean().default(false),
  dependencies: Names,
  optionalDependencies: Names,
  peerDependencies: Names,
});

const Lockfile = z.object({ lockfileVersion: z.literal(3), packages: z.record(z.string(), Package) });

export type Lockfile = z.output<typeof Lockfile>;

/** A package that somebody gets who installs the product, and which others it brings along. */
export interface ProductPackage {
  /** Where it lies below the root; several versions of one package lie at several places. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly license: string | undefined;
  readonly integrity: string | undefined;
  readonly hasInstallScript: boolean;
  readonly needs: readonly string[];
}

export const ROOT = '';

export function readLockfile(): Lockfile {
  const path = fileURLToPath(new URL('../../package-lock.json', import.meta.url));
  return Lockfile.parse(JSON.parse(readFileSync(path, 'utf8')));
}

/**
 * The product itself, which comes first, and everything that its dependencies lead to. Goes by what needs what and not by
 * the lockfile's `dev` marks, so that neither the tools of this repository nor its pinned Node are among them.
 */
export function productPackages({ packages }: Lockfile): ProductPackage[] {
  const found = new Map<string, ProductPackage>();
  const waiting = [ROOT];
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    if (found.has(path)) continue;
    const reached = describe(packages, path);
    found.set(path, reached);
    waiting.push(...reached.needs);
  }
  return [...found.values()];
}

function describe(packages: Lockfile['packages'], path: string): ProductPackage {
  const entry = packages[path];
  if (entry?.version === undefined) throw new Error(`the lockfile has no version of ${path}`);
  const required = Object.keys(entry.dependencies).map((name) => {
    const place = placeOf(packages, path, name);
    if (place === undefined) throw new Error(`the lockfile lacks ${name}, which ${path} needs`);
    return place;
  });
  // What may be missing is part of the product where it is there.
  const further = Object.keys({ ...entry.optionalDependencies, ...entry.peerDependencies }).flatMap(
    (name) => placeOf(packages, path, name) ?? [],
  );
  return {
    path,
    name: entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
    version: entry.version,
    license: entry.license,
    integrity: entry.integrity,
    hasInstallScript: entry.hasInstallScript,
    needs: [...new Set([...required, ...further])],
  };
}

/** Where Node would find a package that is asked for from a place: there, or further up. */
function placeOf(packages: Lockfile['packages'], from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const place = folder === ROOT ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (packages[place] !== undefined) return place;
    if (folder === ROOT) return undefined;
  }
}
