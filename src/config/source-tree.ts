import type { SourceProblem } from './source-problem.ts';

/** A value of the file and where it stands: offsets of its first character and behind its last. */
export type ConfigNode = MapNode | ListNode | ScalarNode;

export interface Place {
  readonly start: number;
  readonly end: number;
  /** Set for what the program adds to the file. */
  readonly isAdded?: boolean;
}

export interface MapNode extends Place {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, MapEntry>;
}

export interface MapEntry {
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly node: ConfigNode;
}

export interface ListNode extends Place {
  readonly kind: 'list';
  readonly items: readonly ConfigNode[];
}

export interface ScalarNode extends Place {
  readonly kind: 'scalar';
  readonly value: ScalarValue;
  /** Set when the value is not what the file says word for word. */
  readonly expansion?: Expansion;
}

export type ScalarValue = string | number | boolean | null;

export interface Expansion {
  /** `file`: the whole value is a file's content; `variables`: some were filled in; `unknown`: there is none to judge. */
  readonly kind: 'file' | 'variables' | 'unknown';
  /** Variables or the file's path. */
  readonly names: readonly string[];
}

export interface SourceTree {
  readonly root: MapNode;
  readonly problems: readonly SourceProblem[];
  /** Whether the text could be read; otherwise `root` says nothing. */
  readonly isReadable: boolean;
}

/** A place with nothing to judge: what was there has been reported, or is not known. */
export function gap({ start, end }: Place): ScalarNode {
  return { kind: 'scalar', start, end, value: null, expansion: { kind: 'unknown', names: [] } };
}

/** The value without its places. */
export function plainValue(node: ConfigNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainValue);
  return Object.fromEntries([...node.entries].map(([key, { node: child }]) => [key, plainValue(child)]));
}

/** Whether a variable that is not set leaves a gap somewhere within. */
export function hasUnknown(node: ConfigNode): boolean {
  if (node.kind === 'scalar') return node.expansion?.kind === 'unknown';
  return childrenOf(node).some(([, child]) => hasUnknown(child));
}

export function childrenOf(node: ConfigNode): (readonly [step: string | number, child: ConfigNode])[] {
  if (node.kind === 'list') return node.items.map((item, index) => [index, item] as const);
  return node.kind === 'map' ? [...node.entries].map(([key, entry]) => [key, entry.node] as const) : [];
}

export function childOf(node: ConfigNode, step: string | number): ConfigNode | undefined {
  if (node.kind === 'list') return typeof step === 'number' ? node.items[step] : undefined;
  return node.kind === 'map' ? node.entries.get(String(step))?.node : undefined;
}
