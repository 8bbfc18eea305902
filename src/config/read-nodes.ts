import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { Path, SourceProblem } from './source-problem.ts';
import {
  type ConfigNode,
  gap,
  type ListNode,
  type MapEntry,
  type MapNode,
  type Place,
  type ScalarNode,
} from './source-tree.ts';

export const MAX_DEPTH = 100;
export const TOO_DEEP = `is nested more than ${MAX_DEPTH} levels deep`;
/** How many values aliases may stand for in all. */
const MAX_ALIASED = 10_000;
/** The place of something nested deeply is told by where it begins. */
const SHOWN_STEPS = 5;

export interface NodeReader {
  read(node: Node, path: Path): ConfigNode;
  readonly problems: readonly SourceProblem[];
}

/** Turns the parser's nodes into ours. Aliases become what they stand for, within bounds. */
export function createNodeReader(document: Document.Parsed): NodeReader {
  const problems: SourceProblem[] = [];
  const anchors = anchorsOf(document.contents);
  const open = new Set<Node>();
  let aliased = 0;
  let hasOverflown = false;

  /** Reports, and leaves a gap, so that the value is not judged as well. */
  const refuse = (node: Node, path: Path, message: string, hint?: string): ScalarNode => {
    const place = placeOf(node);
    problems.push({ offset: place.start, path, message, ...(hint === undefined ? {} : { hint }) });
    return gap(place);
  };

  const read = (node: Node, path: Path, isAliased: boolean): ConfigNode => {
    if (isAliased && !hasRoom(node, path)) return gap(placeOf(node));
    if (path.length > MAX_DEPTH) return refuse(node, path.slice(0, SHOWN_STEPS), TOO_DEEP);
    if (isAlias(node)) return readAlias(node, path);
    if (hasForeignTag(node)) return refuse(node, path, HAS_TAG, 'remove the tag');
    if (isMap(node)) return readMap(node, path, isAliased);
    return isSeq(node) ? readList(node, path, isAliased) : readScalar(node, path);
  };

  const hasRoom = (node: Node, path: Path): boolean => {
    aliased += 1;
    if (aliased > MAX_ALIASED && !hasOverflown) {
      hasOverflown = true;
      const message = `stands for too much: aliases may expand to ${MAX_ALIASED} values in all`;
      refuse(node, path.slice(0, SHOWN_STEPS), message);
    }
    return !hasOverflown;
  };

  const readAlias = (node: Alias, path: Path): ConfigNode => {
    const target = anchors.get(node);
    if (!target) return refuse(node, path, OF_NOTHING, 'put the value in quotes if it begins with *');
    if (open.has(target)) return refuse(node, path, 'is an alias of something that contains it');
    open.add(target);
    const value = read(target, path, true);
    open.delete(target);
    return value;
  };

  const readMap = (map: YAMLMap, path: Path, isAliased: boolean): MapNode => {
    const entries = new Map<string, MapEntry>();
    for (const { key, value } of map.items) {
      const name = keyName(key);
      if (!isNode(key) || name === undefined)
        refuse(isNode(key) ? key : map, path, 'has a key that is no plain text');
      else if (!isUntaggedText(key)) refuse(key, path, `has a key that ${HAS_TAG}`, 'remove the tag');
      else if (!isNode(value))
        refuse(key, path, 'holds something that is no key with a value', 'write key: value');
      else if (name === '__proto__')
        refuse(key, path, 'has the key __proto__, which is not possible', 'remove it');
      else if (entries.has(name)) refuse(key, [...path, name], 'is given twice', 'keep one of the two');
      else {
        const { start, end } = placeOf(key);
        const node = read(value, [...path, name], isAliased);
        entries.set(name, { keyStart: start, keyEnd: end, node: withPlace(node, start) });
      }
    }
    return { kind: 'map', ...placeOf(map), entries };
  };

  const readList = (list: YAMLSeq, path: Path, isAliased: boolean): ListNode => ({
    kind: 'list',
    ...placeOf(list),
    items: list.items.filter(isNode).map((item, index) => read(item, [...path, index], isAliased)),
  });

  const readScalar = (scalar: Scalar, path: Path): ScalarNode => {
    const { value } = scalar;
    const isPlain = typeof value === 'string' || typeof value === 'boolean' || value === null;
    if (isPlain || (typeof value === 'number' && Number.isFinite(value)))
      return { kind: 'scalar', ...placeOf(scalar), value };
    return refuse(
      scalar,
      path,
      'is not a number that can be used',
      'put it in quotes if it is meant as text',
    );
  };

  return { read: (node, path) => read(node, path, false), problems };
}

const OF_NOTHING = 'is an alias (*…) of nothing: no anchor (&…) of that name stands before it';
const HAS_TAG = 'has a tag (!…), and tags are not supported';

function isUntaggedText({ tag }: { readonly tag?: string }): boolean {
  return tag === undefined || tag === '!' || tag === 'tag:yaml.org,2002:str';
}

function hasForeignTag({ tag }: { readonly tag?: string }): boolean {
  return tag !== undefined && !/^(?:!|tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq))$/.test(tag);
}

/** Which node each alias stands for: the last one before it with that anchor. */
function anchorsOf(root: Node | null): Map<Alias, Node> {
  const byName = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  const visit = (node: unknown): void => {
    if (isAlias(node)) {
      const target = byName.get(node.source);
      if (target) targets.set(node, target);
      return;
    }
    if (isNode(node) && node.anchor) byName.set(node.anchor, node);
    if (isSeq(node)) node.items.forEach(visit);
    if (!isMap(node)) return;
    for (const { key, value } of node.items) {
      visit(key);
      visit(value);
    }
  };
  visit(root);
  return targets;
}

/** A key as text; `8080:` and `true:` are the words in the file. */
function keyName(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  if (typeof key.value === 'string') return key.value;
  return key.value === null ? undefined : (key.source ?? String(key.value));
}

function placeOf({ range }: Node): Place {
  return range ? { start: range[0], end: range[1] } : { start: 0, end: 0 };
}

/** An empty value has no place of its own: it is at its key. */
function withPlace(node: ConfigNode, keyStart: number): ConfigNode {
  const isEmpty = node.kind === 'scalar' && node.value === null && node.start === node.end;
  return isEmpty ? { ...node, start: keyStart, end: keyStart } : node;
}
