import type { z } from 'zod';
import type { Secret } from '../kernel/secret.ts';
import { type Alternatives, below, inCommon, ownersOf } from './alternatives.ts';
import { choice } from './fields.ts';
import { describeFound } from './found.ts';
import { readLeaf } from './read-leaf.ts';
import { isLaterKey, isSecretSchema, kindOfSchema, type SchemaKind } from './schema-kind.ts';
import type { Path } from './source-problem.ts';
import { type ConfigNode, childrenOf, hasUnknown, type MapNode, plainValue } from './source-tree.ts';

/** What of a value is valid: anything may be missing, at every level. */
export type Valid<T> = T extends Secret
  ? T
  : T extends readonly (infer Element)[]
    ? readonly (Valid<Element> | undefined)[]
    : T extends object
      ? { readonly [Key in keyof T]?: Valid<T[Key]> | undefined }
      : T;

export interface ShapeReport {
  /** A value that its schema refuses. */
  wrong(path: Path, message: string, hint?: string): void;
  /** `siblings`: the keys that may stand there. */
  unknownKey(path: Path, siblings: readonly string[]): void;
  /** A key that this map would have if another word chose its keys. */
  foreignKey(path: Path, key: ForeignKey): void;
  missing(path: Path, schema: z.ZodType): void;
  /** A key that this version takes and does not act on. */
  later(path: Path): void;
}

export interface ForeignKey {
  /** The key that holds the word, and the word. */
  readonly by: string;
  readonly chosen: string;
  /** The words that the key belongs to. */
  readonly owners: readonly string[];
  /** The keys that may stand there. */
  readonly siblings: readonly string[];
}

export interface ShapeReading<S extends z.ZodType> {
  /** Everything that is valid, defaults included. */
  readonly value: Valid<z.output<S>>;
  /** What the schema as a whole can be given, with numbers and booleans that came from variables as such. */
  readonly input: unknown;
  /** Whether a variable that is not set leaves a gap. */
  readonly hasGaps: boolean;
  /** Values that must not be printed although their schema is no secret's. */
  readonly maskedPaths: readonly Path[];
}

interface Read {
  readonly value: unknown;
  readonly input: unknown;
}

type MapKind = Extract<SchemaKind, { kind: 'map' }>;

const NOTHING: Read = { value: undefined, input: undefined };

/**
 * Judges a tree key by key, so that one mistake does not hide another: what is valid comes out, what is not is reported.
 * A schema library that is handed the whole stops at the first level that fails.
 */
export function readShape<S extends z.ZodType>(
  schema: S,
  root: MapNode,
  report: ShapeReport,
): ShapeReading<S> {
  const maskedPaths: Path[] = [];
  let hasGaps = false;

  const visit = (
    at: z.ZodType,
    node: ConfigNode | undefined,
    path: Path,
    isOpen: boolean,
    others?: Alternatives,
  ): Read => {
    if (!node) return absent(at, path);
    noteMasks(node, path, isOpen);
    if (isLaterKey(at)) report.later(path);
    if (node.kind === 'scalar' && node.expansion?.kind === 'unknown') {
      hasGaps = true;
      return NOTHING;
    }
    const shape = kindOfSchema(at);
    if (node.kind === 'scalar' && node.value === null && !at.safeParse(null).success)
      return wrong(path, ...noValue(shape.kind));
    switch (shape.kind) {
      case 'map':
        return node.kind === 'map' ? visitMap(shape, node, path, others) : mismatch(MAP, node, path);
      case 'choice':
        return node.kind === 'map' ? visitChoice(shape, node, path) : mismatch(MAP, node, path);
      case 'record':
        return node.kind === 'map'
          ? visitRecord(shape.value, node, path)
          : mismatch('a map of names and values', node, path);
      case 'list':
        return node.kind === 'list'
          ? visitList(at, shape.element, node, path, isOpen)
          : notList(at, shape.element, node, path);
      case 'leaf':
        for (const [step, child] of childrenOf(node)) noteOpen(child, [...path, step]);
        return visitLeaf(at, node, path);
    }
  };

  const absent = (at: z.ZodType, path: Path): Read => {
    const parsed = at.safeParse(undefined);
    if (parsed.success) return { value: parsed.data, input: undefined };
    report.missing(path, at);
    return NOTHING;
  };

  /** Where the word is not known only what all have in common is judged. */
  const visitChoice = (
    { by, branches }: Extract<SchemaKind, { kind: 'choice' }>,
    node: MapNode,
    path: Path,
  ): Read => {
    const word = choice(...branches.keys());
    const { value } = visit(word, node.entries.get(by)?.node, [...path, by], false);
    const keys = branches.get(String(value));
    const chosen = keys && String(value);
    return visitMap({ kind: 'map', keys: keys ?? inCommon(branches), isOpen: false }, node, path, {
      by,
      chosen,
      branches,
    });
  };

  const visitMap = (shape: MapKind, node: MapNode, path: Path, others?: Alternatives): Read => {
    const value: Record<string, unknown> = {};
    const input: Record<string, unknown> = {};
    for (const [key, schemaOfKey] of Object.entries(shape.keys)) {
      const child = node.entries.get(key)?.node;
      const read = visit(schemaOfKey, child, [...path, key], shape.isOpen, others && below(others, key));
      if (read.value !== undefined) value[key] = read.value;
      if (read.input !== undefined) input[key] = read.input;
    }
    for (const [key, { node: child }] of node.entries) {
      if (Object.hasOwn(shape.keys, key)) continue;
      if (!shape.isOpen) strange(key, [...path, key], Object.keys(shape.keys), others);
      else {
        noteOpen(child, [...path, key]);
        const plain = plainValue(child);
        value[key] = plain;
        input[key] = plain;
      }
    }
    return { value, input };
  };

  const strange = (key: string, path: Path, siblings: readonly string[], others?: Alternatives): void => {
    const owners = others ? ownersOf(others, key) : [];
    if (!others || owners.length === 0) report.unknownKey(path, siblings);
    else if (others.chosen !== undefined)
      report.foreignKey(path, { by: others.by, chosen: others.chosen, owners, siblings });
    // Where nothing is chosen it may be right; that nothing is has been reported.
  };

  const visitRecord = (schemaOfValue: z.ZodType, node: MapNode, path: Path): Read => {
    const value: Record<string, unknown> = {};
    const input: Record<string, unknown> = {};
    for (const [key, { node: child }] of node.entries) {
      const read = visit(schemaOfValue, child, [...path, key], true);
      value[key] = read.value;
      input[key] = read.input;
    }
    return { value, input };
  };

  const visitList = (
    at: z.ZodType,
    element: z.ZodType,
    node: Extract<ConfigNode, { kind: 'list' }>,
    path: Path,
    isOpen: boolean,
  ): Read => {
    const reads = node.items.map((item, index) => visit(element, item, [...path, index], isOpen));
    const input = reads.map((read) => read.input);
    const parsed = at.safeParse(input);
    const own = parsed.success ? [] : parsed.error.issues.filter((issue) => issue.path.length === 0);
    for (const { message } of own) report.wrong(path, message);
    return own.length > 0 ? NOTHING : { value: reads.map((read) => read.value), input };
  };

  const visitLeaf = (at: z.ZodType, node: ConfigNode, path: Path): Read => {
    if (hasUnknown(node)) {
      hasGaps = true;
      return NOTHING;
    }
    const read = readLeaf(at, node);
    if ('input' in read) return read;
    for (const { path: within, message, hint } of read.problems)
      report.wrong([...path, ...within], message, hint);
    return NOTHING;
  };

  const wrong = (path: Path, message: string, hint?: string): Read => {
    report.wrong(path, message, hint);
    return NOTHING;
  };

  const mismatch = (expected: string, node: ConfigNode, path: Path): Read =>
    wrong(path, `must be ${expected}, found ${describeFound(node, true)}`);

  const notList = (at: z.ZodType, element: z.ZodType, node: ConfigNode, path: Path): Read => {
    const parsed = at.safeParse({});
    const message = parsed.success ? 'must be a list' : (parsed.error.issues[0]?.message ?? 'must be a list');
    // In place of a list of maps anything may stand, also a credential.
    const isHidden = kindOfSchema(element).kind !== 'leaf' || isSecretSchema(element);
    const found = describeFound(node, isHidden);
    return wrong(path, `${message}, found ${found}`, 'write a list: [first, second]');
  };

  /** A file's content is never printed; what variables fill in is not where anything can stand. */
  const noteMasks = (node: ConfigNode, path: Path, isOpen: boolean): void => {
    if (node.kind !== 'scalar' || !node.expansion) return;
    if (node.expansion.kind === 'file' || isOpen) maskedPaths.push(path);
  };

  const noteOpen = (node: ConfigNode, path: Path): void => {
    noteMasks(node, path, true);
    if (node.kind === 'scalar' && node.expansion?.kind === 'unknown') hasGaps = true;
    for (const [step, child] of childrenOf(node)) noteOpen(child, [...path, step]);
  };

  const { value, input } = visit(schema, root, [], false);
  // Each part of `value` was checked by the part of the schema that it stands for.
  return { value: (value ?? {}) as Valid<z.output<S>>, input, hasGaps, maskedPaths };
}

const MAP = 'a map of keys';

function noValue(kind: string): [message: string, hint: string] {
  const message = 'has no value';
  return kind === 'list' || kind === 'record'
    ? [message, `give it one (${kind === 'list' ? '[]' : '{}'} if it is meant to be empty) or remove the key`]
    : [message, 'give it one or remove the key'];
}
