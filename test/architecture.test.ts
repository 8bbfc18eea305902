import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** A statement's `from '…'`, `import '…'`, or `import('…')`; not the words inside a string. */
const IMPORT = /(?:^(?:import|export)\b[^;'"`]*?\bfrom\s*|^import\s*|\bimport\(\s*)'([^']+)'/gm;

const root = fileURLToPath(new URL('../src', import.meta.url));

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isPackage: boolean;
}

const files = walk(root).map((file) => relative(root, file));
const imports = files.flatMap(importsOf);

describe('the arrows', () => {
  it('point the way ARCHITECTURE.md draws them', () => {
    const wrong = imports.filter(({ from, to, isPackage }) => !isPackage && !mayImport(from, to));
    expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  it('form no circle', () => {
    expect(circles()).toEqual([]);
  });

  it('lead to libraries only from the files that hold them', () => {
    const holders: Record<string, readonly RegExp[]> = {
      undici: [
        /^gateway\/outbound\//,
        /^gateway\/upstream\/transport\.ts$/,
        /^client\/gateway-connection\.ts$/,
      ],
      postgres: [/^gateway\/store\//],
      '@electric-sql/pglite': [/^gateway\/store\//],
      yaml: [/^config\//],
      zod: [/^config\//, /^gateway\//, /^client\//, /^kernel\//],
      'openid-client': [/^gateway\/identity\/openid-/],
      jose: [/^gateway\/identity\//],
      'oidc-provider': [/^gateway\/dev\//],
      '@aws-sdk/credential-providers': [
        /^gateway\/upstream\/providers\/aws\/default-chain\.ts$/,
        /^gateway\/upstream\/providers\/bedrock\/assumed-role\.ts$/,
      ],
      'google-auth-library': [/^gateway\/upstream\/providers\/vertex\/google-credential\.ts$/],
      '@azure/identity': [/^gateway\/upstream\/providers\/foundry\/entra-token\.ts$/],
      commander: [/^cli\.ts$/, /^commands\//],
      '@inquirer/prompts': [/^commands\/terminal-prompt\.ts$/],
      ora: [/^commands\/terminal-spinner\.ts$/],
      uqr: [/^commands\//, /^client\//],
    };
    const wrong = imports.filter(({ from, to, isPackage }) => {
      if (!isPackage || to.startsWith('node:')) return false;
      const held = Object.entries(holders).find(([name]) => to === name || to.startsWith(`${name}/`));
      return !held?.[1].some((holder) => holder.test(from));
    });
    expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });
});

describe('the process', () => {
  it('is touched only by bin, cli and the system host', () => {
    const allowed = new Set(['cli.ts', 'commands/system-host.ts']);
    const touching = files.filter(
      (file) =>
        !allowed.has(file) && /\bprocess\.(env|argv|exit|exitCode|stdin|stdout|stderr)\b/.test(source(file)),
    );
    expect(touching).toEqual([]);
  });
});

function mayImport(from: string, to: string): boolean {
  const [fromRoom, toRoom] = [from.split('/')[0], to.split('/')[0]];
  if (from === 'cli.ts') return toRoom === 'commands' || toRoom === 'kernel' || to === '../package.json';
  if (fromRoom === 'kernel') return toRoom === 'kernel';
  if (fromRoom === 'client' || fromRoom === 'config') return toRoom === fromRoom || toRoom === 'kernel';
  if (fromRoom === 'commands') {
    return (
      toRoom === 'commands' || toRoom === 'client' || toRoom === 'config' || toRoom === 'kernel' || isDoor(to)
    );
  }
  return fromRoom === 'gateway' && mayImportInsideGateway(from, to);
}

/** The gateway's doors: what commands may open. They, and only they, see every room. */
function isDoor(file: string): boolean {
  return /^gateway\/(start|log-writer|doors\/[\w-]+)\.ts$/.test(file);
}

function mayImportInsideGateway(from: string, to: string): boolean {
  if (to.startsWith('kernel/')) return true;
  if (isDoor(from)) return to.startsWith('gateway/') || to.startsWith('config/');
  if (!to.startsWith('gateway/')) return false;
  if (isShared(to)) return true;
  const [fromStage, toStage] = [from.split('/')[1], to.split('/')[1]];
  if (from === 'gateway/routes.ts' || from === 'gateway/pipeline.ts') return toStage !== 'store';
  return (
    from.split('/').length > 2 && (fromStage === toStage || (toStage === 'http' && fromStage !== 'store'))
  );
}

function isShared(file: string): boolean {
  return file === 'gateway/exchange.ts' || file === 'gateway/errors.ts' || file === 'gateway/store/ports.ts';
}

function circles(): string[] {
  const targets = new Map<string, string[]>();
  for (const { from, to, isPackage } of imports) {
    if (!isPackage) targets.set(from, [...(targets.get(from) ?? []), to]);
  }
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    if (done.has(file)) return;
    for (const next of targets.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  return found;
}

function importsOf(file: string): Import[] {
  const found = source(file).matchAll(IMPORT);
  return [...found].flatMap(([, target]) => {
    if (target === undefined) return [];
    const isPackage = !target.startsWith('.');
    return [{ from: file, to: isPackage ? target : normalize(join(dirname(file), target)), isPackage }];
  });
}

function source(file: string): string {
  return readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}

function walk(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return walk(path);
    return /\.ts$/.test(name) ? [path] : [];
  });
}
