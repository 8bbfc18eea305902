import type { z } from 'zod';
import { escapeControl } from '../kernel/log.ts';
import { holdsCredentials } from './found.ts';
import { gatewayConfigShape } from './gateway-config.ts';
import { lineStarts } from './positions.ts';
import { readSourceTree } from './read-source.ts';
import { isDescribed, isSecretSchema, keyShapesOf, kindOfSchema, type SchemaKind } from './schema-kind.ts';
import { type ConfigNode, childOf } from './source-tree.ts';

/** One line of the file as it may be shown, and where a column of it came to stand. */
export interface ShownLine {
  readonly text: string;
  columnOf(sourceColumn: number): number;
}

const knownKeys: ReadonlySet<string> = new Set(keysOf(gatewayConfigShape));

function keysOf(schema: z.ZodType): string[] {
  return keyShapesOf(schema).flatMap((keys) =>
    Object.entries(keys).flatMap(([key, inner]) => [key, ...keysOf(inner)]),
  );
}

interface Range {
  readonly start: number;
  readonly end: number;
  readonly isShown: boolean;
}

interface Piece {
  /** Column of the line, from 1. */
  readonly from: number;
  readonly text: string;
  /** Whether text and source are alike, character by character. */
  readonly isVerbatim: boolean;
}

const HIDDEN = '…';
const WIDEST = 160;

/**
 * Shows lines of the file without what may be secret: only keys, values that the schema knows as no secret, and `${…}`
 * references are shown. Values of unknown keys, comments and everything in a file that cannot be read are hidden.
 */
export function createLineViewer(text: string): (line: number) => ShownLine | undefined {
  const starts = lineStarts(text);
  const tree = readSourceTree(text);
  const ranges = tree.isReadable ? rangesOf(text, tree.root) : undefined;
  const seen = new Map<number, ShownLine>();
  return (line) => {
    const start = starts[line - 1];
    if (start === undefined) return undefined;
    const end = (starts[line] ?? text.length + 1) - 1;
    const known = seen.get(line);
    const shown =
      known ?? shownLine(ranges ? piecesOf(text, start, end, ranges) : guardedPieces(text.slice(start, end)));
    seen.set(line, shown);
    return shown;
  };
}

/** Every key and value, in order, and whether it may be seen. */
function rangesOf(text: string, root: ConfigNode): Range[] {
  const ranges: Range[] = [];
  const add = (start: number, end: number, isShown: boolean) => ranges.push({ start, end, isShown });

  const visit = (node: ConfigNode, schema: z.ZodType | undefined): void => {
    const shape = schema && shapeFor(schema, node);
    if (node.kind === 'map' && (shape?.kind === 'map' || shape?.kind === 'record')) {
      for (const [key, { keyStart, keyEnd, node: child }] of node.entries) {
        add(keyStart, keyEnd, isName(key));
        visit(child, shape.kind === 'record' ? shape.value : schemaOfKey(shape, key));
      }
    } else if (node.kind === 'list' && (shape?.kind === 'list' || shape?.kind === 'leaf')) {
      for (const item of node.items) visit(item, shape.kind === 'list' ? shape.element : schema);
    } else add(node.start, node.end, isSeen(text, node, schema));
  };

  visit(root, gatewayConfigShape);
  return ranges.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start || b.end - a.end);
}

/** Where keys depend on a word that is not there or not known, none is known. */
function shapeFor(schema: z.ZodType, node: ConfigNode): SchemaKind {
  const shape = kindOfSchema(schema);
  if (shape.kind !== 'choice') return shape;
  const word = childOf(node, shape.by);
  const keys = word?.kind === 'scalar' ? shape.branches.get(String(word.value)) : undefined;
  const by = shape.branches.values().next().value?.[shape.by];
  return { kind: 'map', keys: keys ?? (by ? { [shape.by]: by } : {}), isOpen: false };
}

/** As in the path of a problem: what does not look like a name may be a secret that slipped there. */
function isName(key: string): boolean {
  return /^[\w$<>@/.-]{1,64}$/.test(key);
}

function schemaOfKey(shape: Extract<SchemaKind, { kind: 'map' }>, key: string): z.ZodType | undefined {
  const schema = Object.hasOwn(shape.keys, key) ? shape.keys[key] : undefined;
  return schema && (!shape.isOpen || isDescribed(schema)) ? schema : undefined;
}

function isSeen(text: string, node: ConfigNode, schema: z.ZodType | undefined): boolean {
  if (node.kind !== 'scalar') return false;
  const source = text.slice(node.start, node.end);
  const isReference = /^["']?\$\{(?:[A-Za-z_]\w*|file:\/[^{}]*)\}["']?$/.test(source);
  if (holdsCredentials(source)) return false;
  const isValue = schema !== undefined && kindOfSchema(schema).kind === 'leaf';
  return isReference || (isValue && !isSecretSchema(schema));
}

function piecesOf(text: string, start: number, end: number, ranges: readonly Range[]): Piece[] {
  const pieces: Piece[] = [];
  let at = start;
  const gap = (until: number): void => {
    if (until > at) pieces.push(...gapPieces(text.slice(at, until), at - start + 1));
    at = Math.max(at, until);
  };
  for (const range of ranges) {
    if (range.end <= at) continue;
    // What is beyond the widest line is not shown.
    if (range.start >= end || pieces.length > WIDEST) break;
    gap(range.start);
    const until = Math.min(range.end, end);
    const source = text.slice(at, until);
    const from = at - start + 1;
    pieces.push(...(range.isShown ? [{ from, text: source, isVerbatim: true }] : hiddenPieces(source, from)));
    at = until;
  }
  gap(pieces.length > WIDEST ? at : end);
  return pieces;
}

/** What stands between values: marks of the syntax and known keys are shown; comments, anchors and the like are not. */
function gapPieces(source: string, from: number): Piece[] {
  const comment = /(?:^|\s)#/.exec(source);
  const cut = comment ? comment.index + comment[0].length : source.length;
  const words = source.slice(0, cut).matchAll(/[\s:,[\]{}\-?#]+|[^\s:,[\]{}\-?#]+/g);
  const pieces = [...words].flatMap((match): Piece[] => {
    const [text] = match;
    const isKey = source[match.index + text.length] === ':' && knownKeys.has(text);
    const isShown = isKey || /^[\s:,[\]{}\-?#]/.test(text);
    const at = from + match.index;
    return isShown ? [{ from: at, text, isVerbatim: true }] : hiddenPieces(text, at);
  });
  return [...pieces, ...hiddenPieces(source.slice(cut), from + cut)];
}

/** In a file that cannot be read nothing says what is a secret: only known keys are shown. */
function guardedPieces(source: string): Piece[] {
  const [, indent = '', key = ''] = /^(\s*(?:-\s+)*)(?:([\w$-]+\s*:)(?=\s|$))?/.exec(source) ?? [];
  const isKnown = knownKeys.has(key.slice(0, -1).trim());
  const shown = isKnown ? indent.length + key.length : indent.length;
  return [
    { from: 1, text: source.slice(0, shown), isVerbatim: true },
    ...hiddenPieces(source.slice(shown), shown + 1),
  ];
}

/** One mark for a text; blanks around it stay, so that the line keeps its look. */
function hiddenPieces(source: string, from: number): Piece[] {
  const inner = source.trim();
  if (inner === '') return source === '' ? [] : [{ from, text: source, isVerbatim: true }];
  const before = source.indexOf(inner);
  return [
    { from, text: source.slice(0, before), isVerbatim: true },
    { from: from + before, text: HIDDEN, isVerbatim: false },
    { from: from + before + inner.length, text: source.slice(before + inner.length), isVerbatim: true },
  ].filter(({ text }) => text !== '');
}

function shownLine(pieces: readonly Piece[]): ShownLine {
  const whole = pieces
    .map(({ text }) => text.replace(/[\t\r\ufeff]/g, ' '))
    .join('')
    .trimEnd();
  const text = escapeControl(whole);
  return {
    text: text.length > WIDEST ? `${text.slice(0, WIDEST)}${HIDDEN}` : text,
    columnOf(sourceColumn) {
      let column = 1;
      for (const [index, piece] of pieces.entries()) {
        const next = pieces[index + 1];
        if (!next || next.from > sourceColumn)
          return column + (piece.isVerbatim ? Math.max(0, sourceColumn - piece.from) : 0);
        column += piece.text.length;
      }
      return column;
    },
  };
}
