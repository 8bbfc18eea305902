import { expandTree } from './expand.ts';
import { filled } from './fill.ts';
import { describeFound } from './found.ts';
import { checkRelations, type GatewayConfig, gatewayConfigShape } from './gateway-config.ts';
import { adviceForMissing } from './missing-key.ts';
import type { JudgeModelLists } from './model-lists.ts';
import { positionsIn } from './positions.ts';
import { formatPath, type Problem } from './problems.ts';
import { readShape, type ShapeReport } from './read-shape.ts';
import { readSourceTree } from './read-source.ts';
import type { Report } from './report.ts';
import { type ConfigSource, type Path, type SourceProblem, textOf } from './source-problem.ts';
import { type ConfigNode, childOf, type MapNode } from './source-tree.ts';
import { createUnknownKeyAdvice } from './unknown-key.ts';
import { setAsideUnserved } from './unserved.ts';

export type { ConfigSource } from './source-problem.ts';

export interface CheckInputs {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Content of the file of a `${file:…}`; throws. */
  readonly readFile: (path: string) => string;
  /** false: variables that are not set are no problems, and values that need them are not judged further. */
  readonly requiresEnv?: boolean;
  /** Raw values, as in YAML, for keys that the file leaves out; maps merge, lists and scalars do not. */
  readonly fill?: Readonly<Record<string, unknown>>;
  /** What allow-lists mean in the catalog; without it they are not judged. */
  readonly judgeAllowList?: JudgeModelLists;
}

export type CheckedConfig =
  | ValidConfig
  /** Nothing wrong, but variables that are not set leave gaps; only without `requiresEnv`. */
  | { readonly kind: 'incomplete'; readonly warnings: readonly Problem[] }
  /** Errors and warnings, in the file's order. */
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

export interface ValidConfig {
  readonly kind: 'valid';
  readonly config: GatewayConfig;
  readonly warnings: readonly Problem[];
  /** Paths of values that must not be printed although they are no `Secret`; for `maskedConfig`. */
  readonly maskedPaths: ReadonlySet<string>;
}

/** Judges a configuration as a whole: every problem at once, and a value only when there is no error. Never throws. */
export function checkConfig(source: ConfigSource, inputs: CheckInputs): CheckedConfig {
  const text = textOf(source);
  const tree = readSourceTree(text);
  const problems = createProblemList(text);
  problems.addAll(tree.problems);
  if (!tree.isReadable) return { kind: 'invalid', problems: problems.sorted() };

  const requiresEnv = inputs.requiresEnv ?? true;
  const expanded = expandTree(tree.root, { ...inputs, requiresEnv });
  problems.addAll(expanded.problems);
  const served = setAsideUnserved(expanded.root);
  problems.addAll(served.problems);
  const root = filled(served.root, inputs.fill ?? {});

  const reading = readShape(gatewayConfigShape, root, shapeReport(root, problems));
  const loopback = inputs.env['CLAUDE_GATEWAY_ALLOW_LOOPBACK'];
  checkRelations(
    reading.value,
    { allowsLoopback: loopback === '1' || !requiresEnv, judgeAllowList: inputs.judgeAllowList },
    relationReport(root, problems),
  );
  if (problems.hasErrors()) return { kind: 'invalid', problems: problems.sorted() };
  if (reading.hasGaps) return { kind: 'incomplete', warnings: problems.sorted() };
  return {
    kind: 'valid',
    config: frozen<GatewayConfig>(gatewayConfigShape.parse(reading.input)),
    warnings: problems.sorted(),
    maskedPaths: new Set(reading.maskedPaths.map(formatPath)),
  };
}

type ProblemList = ReturnType<typeof createProblemList>;

function createProblemList(text: string) {
  const positionOf = positionsIn(text);
  const found: Problem[] = [];
  const add = (severity: Problem['severity'], { path, offset, message, hint }: SourceProblem): void => {
    const at = { severity, path: formatPath(path), ...positionOf(offset) };
    found.push({ ...at, message, ...(hint === undefined ? {} : { hint }) });
  };
  return {
    add,
    addAll(problems: readonly SourceProblem[]) {
      for (const problem of problems) add('error', problem);
    },
    hasErrors: () => found.some(({ severity }) => severity === 'error'),
    count: () => found.length,
    sorted: () => found.toSorted((a, b) => a.line - b.line || a.column - b.column),
  };
}

/** Advice costs time; a file with more mistakes than this is not a configuration. */
const MAX_ADVICE = 200;

function shapeReport(root: MapNode, problems: ProblemList): ShapeReport {
  const adviceForUnknown = createUnknownKeyAdvice(gatewayConfigShape);
  const error = (path: Path, offset: number, message: string, hint: string | undefined) =>
    problems.add('error', { path, offset, message, ...(hint === undefined ? {} : { hint }) });
  return {
    wrong: (path, message, hint) => error(path, offsetOf(root, path), message, hint),
    unknownKey: (path, siblings) => {
      const hint = problems.count() < MAX_ADVICE ? adviceForUnknown(path, siblings) : undefined;
      error(path, keyOffsetOf(root, path), 'is not a known key', hint);
    },
    foreignKey: (path, { by, chosen, owners, siblings }) => {
      const possible = siblings.join(', ');
      error(
        path,
        keyOffsetOf(root, path),
        `belongs to ${by}: ${listed(owners)}, and this one is ${chosen}`,
        possible === '' ? 'remove it' : `remove it; possible here: ${possible}`,
      );
    },
    later: (path) => {
      if (nearestNode(root, path).isAdded) return;
      const message = 'is accepted, but nothing in this version acts on it';
      problems.add('warning', {
        path,
        offset: keyOffsetOf(root, path),
        message,
        hint: 'remove it until a version does',
      });
    },
    missing: (path, schema) => {
      // No store at all has its own words, and its own place: `checkStore`.
      if (path.length === 1 && path[0] === 'store') return;
      error(path, keyOffsetOf(root, path.slice(0, -1)), 'is required', adviceForMissing(path, schema));
    },
  };
}

function listed(words: readonly string[]): string {
  return new Intl.ListFormat('en', { type: 'disjunction', style: 'long' }).format(words);
}

function relationReport(root: MapNode, problems: ProblemList): Report {
  const add = (severity: Problem['severity'], path: Path, message: string, hint: string | undefined) =>
    problems.add(severity, {
      path,
      offset: placeOf(root, path),
      message,
      ...(hint === undefined ? {} : { hint }),
    });
  return {
    error: (path, message, hint) => add('error', path, message, hint),
    warning: (path, message, hint) => {
      if (!nearestNode(root, path).isAdded) add('warning', path, message, hint);
    },
    has: (path) => nodeAt(root, path) !== undefined,
    found: (path) => {
      const node = nodeAt(root, path);
      return node ? describeFound(node, false) : 'nothing';
    },
  };
}

/** What a key of a map is about stands at the key: its value may be long, or spread over lines. */
function placeOf(root: MapNode, path: Path): number {
  const node = nodeAt(root, path);
  return node?.kind === 'scalar' ? node.start : keyOffsetOf(root, path);
}

function nodeAt(root: MapNode, path: Path): ConfigNode | undefined {
  let node: ConfigNode | undefined = root;
  for (const step of path) node = node && childOf(node, step);
  return node;
}

function nearestNode(root: MapNode, path: Path): ConfigNode {
  let node: ConfigNode = root;
  for (const step of path) {
    const next = childOf(node, step);
    if (!next) break;
    node = next;
  }
  return node;
}

function offsetOf(root: MapNode, path: Path): number {
  return nearestNode(root, path).start;
}

/** Where the key at a path stands; of a list's item the item, and of what is missing what is around it. */
function keyOffsetOf(root: MapNode, path: Path): number {
  const key = path.at(-1);
  if (key === undefined) return root.start;
  const around = nodeAt(root, path.slice(0, -1));
  if (!around) return keyOffsetOf(root, path.slice(0, -1));
  const entry = around.kind === 'map' ? around.entries.get(String(key)) : undefined;
  const item = childOf(around, key);
  return entry?.keyStart ?? item?.start ?? keyOffsetOf(root, path.slice(0, -1));
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}
