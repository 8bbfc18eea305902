// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  type ParsedNode,
  parseAllDocuments,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { Path, SourceProblem } from './source-problem.ts';
import { syntaxProblems } from './yaml-errors.ts';

/** A value of the file and where it stands: offsets of its first character and behind its last. */
export type ConfigNode = MapNode | ListNode | ScalarNode;

interface Place {
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

const MAX_BYTES = 4 * 1024 * 1024;
/** Far above any real file; keeps the time to read a hostile one within a few seconds. */
const MAX_TOKENS = 250_000;
const MAX_DEPTH = 100;
/** How many values aliases may stand for in all. */
const MAX_ALIASED = 10_000;
const QUOTE_STAR = 'put the value in quotes if it begins with *';

/**
 * Reads YAML 1.2 into a tree of maps, lists and scalars with positions. Never throws. Aliases are resolved within bounds;
 * several documents, tags of one's own, repeated keys and files above 4 MiB are problems.
 */
export function readSourceTree(text: string): SourceTree {
  const refusal = refusalOf(text);
  if (refusal) return unreadable([refusal]);
  const documents = parseAllDocuments(text, {
    version: '1.2',
    schema: 'core',
    // The library compares every key with every other; ours is a look-up.
    uniqueKeys: false,
    // Its pretty messages quote the source, which may hold a secret.
    prettyErrors: false,
    logLevel: 'silent',
  });
  if (!Array.isArray(documents)) return emptyTree;
  const [document, second] = documents;
  if (!document) return emptyTree;
  const broken = documents.flatMap((each) => syntaxProblems(each, text));
  if (second) broken.unshift(severalDocuments(second));
  if (isOldYaml(document)) broken.unshift(oldYaml);
  if (broken.length > 0) return unreadable(broken);
  return treeOf(document);
}

const emptyTree: SourceTree = {
  root: { kind: 'map', start: 0, end: 0, entries: new Map() },
  problems: [],
  isReadable: true,
};

function unreadable(problems: readonly SourceProblem[]): SourceTree {
  return { ...emptyTree, problems, isReadable: false };
}

function atTop(message: string, hint?: string): SourceProblem {
  return { offset: 0, path: [], message, ...(hint === undefined ? {} : { hint }) };
}

const oldYaml = atTop('must be YAML 1.2, not an older version', 'remove the %YAML directive');

/** What makes a text not worth parsing. */
function refusalOf(text: string): SourceProblem | undefined {
  if (text.length > MAX_BYTES || Buffer.byteLength(text) > MAX_BYTES)
    return atTop(
      'is larger than 4 MiB',
      'put long texts into files of their own and name them: ${file:/path}',
    );
  let offset = 0;
  let tokens = 0;
  let depth = 0;
  for (const lexeme of new Lexer().lex(text)) {
    tokens += 1;
    if (lexeme === '[' || lexeme === '{') depth += 1;
    if (lexeme === ']' || lexeme === '}') depth -= 1;
    if (depth > MAX_DEPTH) return { ...tooDeep, offset };
    if (tokens > MAX_TOKENS)
      return { offset, path: [], message: 'holds too many values to be a configuration' };
    // Lexemes that are marks of the lexer's own stand for no text.
    if (!/^[\u0002\u0018\u001f\ufeff]$/.test(lexeme)) offset += lexeme.length;
  }
  return undefined;
}

const tooDeep = { path: [], message: `is nested more than ${MAX_DEPTH} levels deep` };

function isOldYaml({ directives }: Document): boolean {
  return directives?.yaml.explicit === true && directives.yaml.version !== '1.2';
}

function severalDocuments(second: Document): SourceProblem {
  return {
    offset: second.range?.[0] ?? 0,
    path: [],
    message: 'holds several documents; one is expected',
    hint: 'remove everything from the second --- on',
  };
}

function treeOf(document: Document.Parsed): SourceTree {
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null && !contents.source))
    return emptyTree;
  const reader = createNodeReader(document);
  const root = reader.read(contents, []);
  if (root.kind === 'map') return { root, problems: reader.problems, isReadable: true };
  const offset = root.start;
  const message = `must be a map of keys like listen: and oidc:, and is ${nameOf(root)}`;
  return unreadable([...reader.problems, { offset, path: [], message }]);
}

function nameOf(node: ConfigNode): string {
  return node.kind === 'list' ? 'a list' : 'a single value';
}

function createNodeReader(document: Document.Parsed) {
  const problems: SourceProblem[] = [];
  const anchors = anchorsOf(document);
  let aliased = 0;
  let hasOverflown = false;
  const open = new Set<Node>();

  const report = (node: Node, path: Path, message: string, hint?: string) =>
    problems.push({ offset: startOf(node), path, message, ...(hint === undefined ? {} : { hint }) });

  const read = (node: Node | null, path: Path, isAliased = false): ConfigNode => {
    if (node === null) return { kind: 'scalar', start: 0, end: 0, value: null };
    if (isAliased && !hasRoom(node, path)) return gapAt(node);
    if (hasForeignTag(node)) {
      report(node, path, 'has a tag (!…), and tags are not supported', 'remove the tag');
      return gapAt(node);
    }
    if (path.length > MAX_DEPTH) {
      report(node, path.slice(0, 5), tooDeep.message);
      return gapAt(node);
    }
    if (isAlias(node)) return readAlias(node, path);
    if (isMap(node)) return readMap(node, path, isAliased);
    if (isSeq(node)) return readList(node, path, isAliased);
    return readScalar(node as Scalar, path);
  };

  const hasRoom = (node: Node, path: Path): boolean => {
    aliased += 1;
    if (aliased <= MAX_ALIASED) return true;
    if (!hasOverflown)
      report(
        node,
        path.slice(0, 5),
        `stands for too much: aliases may expand to ${MAX_ALIASED} values in all`,
      );
    hasOverflown = true;
    return false;
  };

  const readAlias = (node: Alias, path: Path): ConfigNode => {
    const target = anchors.get(node);
    if (!target) {
      report(
        node,
        path,
        'is an alias (*…) of nothing: no anchor (&…) of that name stands before it',
        QUOTE_STAR,
      );
      return gapAt(node);
    }
    if (open.has(target)) {
      report(node, path, 'is an alias of something that contains it');
      return gapAt(node);
    }
    if (hasOverflown) return gapAt(node);
    open.add(target);
    const value = read(target, path, true);
    open.delete(target);
    return value;
  };

  const readMap = (node: YAMLMap, path: Path, isAliased: boolean): MapNode => {
    const entries = new Map<string, MapEntry>();
    for (const { key, value } of node.items) {
      const keyNode = key as Node | null;
      const name = keyName(keyNode);
      if (keyNode === null || name === undefined) {
        report(keyNode ?? node, path, 'has a key that is no plain text');
        continue;
      }
      const [keyStart, keyEnd] = rangeOf(keyNode);
      if (name === '__proto__') {
        report(keyNode, path, 'has the key __proto__, which is not possible', 'remove it');
        continue;
      }
      if (entries.has(name)) {
        problems.push({
          offset: keyStart,
          path: [...path, name],
          message: 'is given twice',
          hint: 'keep one of the two',
        });
        continue;
      }
      const child = value as Node | null;
      const missing: ConfigNode = { kind: 'scalar', start: keyStart, end: keyEnd, value: null };
      entries.set(name, {
        keyStart,
        keyEnd,
        node: child === null ? missing : withPlace(read(child, [...path, name], isAliased), keyStart),
      });
    }
    return { kind: 'map', ...placeOf(node), entries };
  };

  const readList = (node: YAMLSeq, path: Path, isAliased: boolean): ListNode => ({
    kind: 'list',
    ...placeOf(node),
    items: node.items.map((item, index) => read(item as Node | null, [...path, index], isAliased)),
  });

  const readScalar = (node: Scalar, path: Path): ScalarNode => {
    const { value } = node;
    const isPlain = typeof value === 'string' || typeof value === 'boolean' || value === null;
    if (isPlain) return { kind: 'scalar', ...placeOf(node), value };
    if (typeof value === 'number' && Number.isFinite(value))
      return { kind: 'scalar', ...placeOf(node), value };
    report(node, path, 'is not a number that can be used', 'put it in quotes if it is meant as text');
    return gapAt(node);
  };

  return { read, problems };
}

function hasForeignTag(node: Node): boolean {
  const tag = isAlias(node) ? undefined : (node as { tag?: string }).tag;
  return tag !== undefined && !/^(?:!|tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq))$/.test(tag);
}

/** Which node each alias stands for: the last one before it with that anchor. */
function anchorsOf(document: Document.Parsed): Map<Alias, Node> {
  const byName = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  const visit = (node: unknown): void => {
    if (isAlias(node)) {
      const target = byName.get(node.source);
      if (target) targets.set(node, target);
      return;
    }
    if (isScalar(node) || isMap(node) || isSeq(node)) {
      if (node.anchor) byName.set(node.anchor, node);
    }
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        visit(key);
        visit(value);
      }
    } else if (isSeq(node)) node.items.forEach(visit);
  };
  visit(document.contents);
  return targets;
}

/** A key as text; `8080:` and `true:` are the words in the file. */
function keyName(key: Node | null): string | undefined {
  if (!isScalar(key)) return undefined;
  if (typeof key.value === 'string') return key.value;
  return key.value === null ? undefined : (key.source ?? String(key.value));
}

function rangeOf(node: Node): readonly [number, number] {
  const range = (node as ParsedNode).range;
  return range ? [range[0], range[1]] : [0, 0];
}

function placeOf(node: Node): Place {
  const [start, end] = rangeOf(node);
  return { start, end };
}

function startOf(node: Node): number {
  return rangeOf(node)[0];
}

/** In place of what has been reported, so that it is not judged as well. */
function gapAt(node: Node): ScalarNode {
  return gap(placeOf(node));
}

export function gap({ start, end }: Place): ScalarNode {
  return { kind: 'scalar', start, end, value: null, expansion: { kind: 'unknown', names: [] } };
}

/** An empty value has no place of its own: it is at its key. */
function withPlace(node: ConfigNode, keyStart: number): ConfigNode {
  const isEmpty = node.kind === 'scalar' && node.value === null && node.start === node.end;
  return isEmpty ? { ...node, start: keyStart, end: keyStart } : node;
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
