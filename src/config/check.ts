import { expandTree } from './expand.ts';
import { type GatewayConfig, gatewayConfigShape } from './gateway-config.ts';
import { positionsIn } from './positions.ts';
import { formatPath, type Problem } from './problems.ts';
import { readShape, type ShapeReport } from './read-shape.ts';
import type { Path } from './source-problem.ts';
import { type ConfigNode, childOf, type MapNode, readSourceTree } from './source-tree.ts';

export interface ConfigSource {
  /** What problems call it; usually the path as the operator gave it. */
  readonly name: string;
  readonly text: string;
}

export interface CheckInputs {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Content of the file of a `${file:…}`; throws. */
  readonly readFile: (path: string) => string;
  /** false: variables that are not set are no problems, and values that need them are not judged further. */
  readonly requiresEnv?: boolean;
  /** Raw values, as in YAML, for keys that the file leaves out; maps merge, lists and scalars do not. */
  readonly fill?: Readonly<Record<string, unknown>>;
}

export type CheckedConfig =
  | { readonly kind: 'valid'; readonly config: GatewayConfig; readonly warnings: readonly Problem[] }
  /** Nothing wrong, but variables that are not set leave gaps; only without `requiresEnv`. */
  | { readonly kind: 'incomplete'; readonly warnings: readonly Problem[] }
  /** Errors and warnings, in the file's order. */
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

/** Judges a configuration as a whole: every problem at once, and a value only when there is no error. Never throws. */
export function checkConfig(source: ConfigSource, inputs: CheckInputs): CheckedConfig {
  const tree = readSourceTree(source.text);
  const positionOf = positionsIn(source.text);
  const problems: Problem[] = [];
  const add = (severity: Problem['severity'], path: Path, offset: number, message: string, hint?: string) =>
    problems.push({
      severity,
      path: formatPath(path),
      ...positionOf(offset),
      message,
      ...(hint ? { hint } : {}),
    });

  for (const { path, offset, message, hint } of tree.problems) add('error', path, offset, message, hint);
  if (!tree.isReadable) return { kind: 'invalid', problems };
  const expanded = expandTree(tree.root, { ...inputs, requiresEnv: inputs.requiresEnv ?? true });
  for (const { path, offset, message, hint } of expanded.problems) add('error', path, offset, message, hint);

  const { root } = expanded;
  const report: ShapeReport = {
    wrong: (path, message, hint) => add('error', path, offsetOf(root, path), message, hint),
    unknownKey: (path) => add('error', path, keyOffsetOf(root, path), 'is no key of this version'),
    missing: (path) => add('error', path, offsetOf(root, path), 'is required'),
  };
  const reading = readShape(gatewayConfigShape, root, report);
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) return { kind: 'invalid', problems };
  if (reading.hasGaps) return { kind: 'incomplete', warnings: problems };
  const config: GatewayConfig = gatewayConfigShape.parse(reading.input);
  return { kind: 'valid', config: frozen(config), warnings: problems };
}

/** Where the value at a path stands, or the nearest place around it. */
function offsetOf(root: MapNode, path: Path): number {
  let node: ConfigNode = root;
  for (const step of path) {
    const next = childOf(node, step);
    if (!next) return node.start;
    node = next;
  }
  return node.start;
}

function keyOffsetOf(root: MapNode, path: Path): number {
  const key = path.at(-1);
  let node: ConfigNode | undefined = root;
  for (const step of path.slice(0, -1)) node = node && childOf(node, step);
  const entry = node?.kind === 'map' ? node.entries.get(String(key)) : undefined;
  return entry?.keyStart ?? offsetOf(root, path);
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}
