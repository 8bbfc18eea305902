import { type Lockfile, type ProductPackage, productPackages } from './lockfile.ts';

/**
 * The CycloneDX 1.5 bill of materials of the product, with what the lockfile pins. The same lockfile always makes the same
 * bill: it has no serial number and no time. (`npm sbom --omit=dev` leaves out what a tool of this repository needs as well.)
 */
export function billOfMaterials(lockfile: Lockfile) {
  const [product, ...others] = productPackages(lockfile);
  if (!product) throw new Error('the lockfile has no root');
  const refs = new Map([product, ...others].map((part) => [part.path, packageUrl(part)]));
  // One version at several places is one component; what it needs may differ from place to place.
  const needs = new Map<string, Set<string>>();
  for (const { path, needs: paths } of [product, ...others]) {
    const ref = refs.get(path) ?? '';
    const known = needs.get(ref) ?? new Set();
    for (const needed of paths) known.add(refs.get(needed) ?? '');
    needs.set(ref, known);
  }
  const components = new Map(others.map((part) => [packageUrl(part), component(part, 'library')]));
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { lifecycles: [{ phase: 'build' }], component: component(product, 'application') },
    components: [...components].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, part]) => part),
    dependencies: [...needs].map(([ref, known]) => ({ ref, dependsOn: [...known].sort() })),
  };
}

function component(part: ProductPackage, type: 'application' | 'library') {
  const [scope, name] = part.name.startsWith('@') ? part.name.split('/') : [undefined, part.name];
  const purl = packageUrl(part);
  return {
    'bom-ref': purl,
    type,
    ...(scope !== undefined && { group: scope }),
    name,
    version: part.version,
    purl,
    ...(part.license !== undefined && { licenses: licenses(part.license) }),
    ...(part.integrity !== undefined && { hashes: hashes(part.integrity) }),
  };
}

/** A single identifier or an expression of SPDX; the format keeps the two apart. */
function licenses(license: string) {
  return /[ (]/.test(license) ? [{ expression: license }] : [{ license: { id: license } }];
}

function hashes(integrity: string) {
  return integrity.split(' ').map((hash) => {
    const [algorithm = '', digest = ''] = hash.split(/-(.*)/s);
    return {
      alg: algorithm.replace('sha', 'SHA-'),
      content: Buffer.from(digest, 'base64').toString('hex'),
    };
  });
}

function packageUrl({ name, version }: ProductPackage): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}
