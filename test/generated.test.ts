import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { generatedFiles } from '../scripts/generate/files.ts';
import { auditEvents } from '../src/gateway/audit/events.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const onDisk = (path: string) => readFileSync(`${root}${path}`, 'utf8');
const files = await generatedFiles();

describe('a generated file', () => {
  it.each([...files.keys()])('says what the code says: %s', (path) => {
    expect(onDisk(path)).toBe(files.get(path));
  });

  it('is one of those that are generated', () => {
    const marked = readdirSync(`${root}docs`, { encoding: 'utf8' })
      .map((name) => `docs/${name}`)
      .filter((path) => path.endsWith('.md') && onDisk(path).startsWith('<!-- Generated'));
    const schemas = readdirSync(`${root}schemas`).map((name) => `schemas/${name}`);
    const modules = readdirSync(`${root}src`, { encoding: 'utf8', recursive: true })
      .map((name) => `src/${name}`)
      .filter((path) => path.endsWith('.ts') && onDisk(path).startsWith('// Generated'));
    expect([...marked, ...schemas, ...modules].toSorted()).toEqual([...files.keys()].toSorted());
  });
});

describe('docs/configuration.md', () => {
  it('names every key of the schema, and no other', () => {
    const page = onDisk('docs/configuration.md');
    const schema: Schema = JSON.parse(onDisk('schemas/gateway.schema.json'));
    const sections = [...page.matchAll(/^## ([a-z_]+)$/gm)].map(([, key]) => key);
    const rows = rowsOf(page);
    const lists = [...page.matchAll(/^(?:Further settings|Settings that Claude Code reads) .*: (.*)\.$/gm)];
    const unexplained = lists
      .flatMap(([, list = '']) => [...list.matchAll(/`(\w+)`/g)])
      .map(([, key]) => `managed.policies[].cli.${key}`);
    const told = [...sections, ...rows, ...unexplained];
    const unique = (paths: readonly (string | undefined)[]) => [...new Set(paths)].toSorted();
    expect(unique(told)).toEqual(unique(pathsIn(schema, schema, '')));
    // What is told of twice belongs to several providers.
    const twice = told.filter((path, index) => told.indexOf(path) < index);
    expect(twice.filter((path) => !path?.startsWith('upstreams[].'))).toEqual([]);
  });

  it('tells of each provider by itself, after what they have in common', () => {
    const [, chapter = ''] = onDisk('docs/configuration.md').split('\n## upstreams\n');
    const [common = '', ...providers] = chapter.split('\n## ')[0]?.split('\n### upstreams: ') ?? [];
    const schema: Schema = JSON.parse(onDisk('schemas/gateway.schema.json'));
    const branches = schema.properties?.['upstreams']?.items?.allOf ?? [];
    const told = providers.map((text) => [
      text.split('\n')[0],
      [...new Set([...rowsOf(common), ...rowsOf(text)])].toSorted(),
    ]);
    const known = branches.map((branch) => [
      branch.if.properties.provider.enum[0],
      pathsIn(schema, branch.then, 'upstreams[].').toSorted(),
    ]);
    expect(told).toEqual(known);
    expect(told).toHaveLength(6);
  });
});

function rowsOf(page: string): (string | undefined)[] {
  return [...page.matchAll(/^\| `([\w.[\]]+)` \|/gm)].map(([, key]) => key);
}

describe('docs/audit-events.md', () => {
  it('names every event and field of the table, and no other', () => {
    const page = onDisk('docs/audit-events.md');
    const told = page
      .split('\n## ')
      .slice(1)
      .map((section) => [
        section.split('\n')[0],
        [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, field]) => field),
      ])
      .filter(([name]) => name !== 'Not recorded by this version');
    const recorded = Object.entries(auditEvents).filter(([, { isLater }]) => !isLater);
    expect(told).toEqual(recorded.map(([name, { fields }]) => [name, Object.keys(fields)]));
  });
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly allOf?: readonly {
    readonly if: { readonly properties: { readonly provider: { readonly enum: readonly string[] } } };
    readonly then: Schema;
  }[];
}

/** A policy's settings document has three names; its keys are told of under the first. */
function pathsIn(root: Schema, at: Schema, prefix: string): string[] {
  const own = Object.entries(at.properties ?? {}).flatMap(([name, member]) => {
    const path = `${prefix}${name}`;
    const inner = member.items?.properties ? member.items : member;
    const target = member.$ref && name === 'cli' ? (root.$defs?.['settings'] ?? {}) : inner;
    return [path, ...pathsIn(root, target, `${path}${inner === member ? '' : '[]'}.`)];
  });
  return [...own, ...(at.allOf ?? []).flatMap((branch) => pathsIn(root, branch.then, prefix))];
}
