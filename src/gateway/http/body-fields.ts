import type { BodyMember } from '../exchange.ts';
import { skipWhitespace } from './json-syntax.ts';

/** Where a field is: keys, and `EACH` for all elements of a list. */
export type FieldPath = readonly (string | typeof EACH)[];

export const EACH = Symbol('each element');

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;

/**
 * All members at these paths of a JSON text that has been checked already, in one pass; what has another shape than a
 * path says has none. Strings are jumped over by native byte search.
 */
export function findFields(bytes: Buffer, paths: readonly FieldPath[]): readonly BodyMember[] {
  const found: BodyMember[] = [];

  /** `ways` are what is left of the paths that lead here. Returns the offset after the value. */
  const walk = (at: number, ways: readonly FieldPath[]): number => {
    if (ways.length > 0 && bytes[at] === OPEN_BRACE) return walkObject(at, ways);
    if (ways.length > 0 && bytes[at] === OPEN_BRACKET) return walkList(at, ways);
    return valueEnd(bytes, at);
  };

  const walkObject = (object: number, ways: readonly FieldPath[]): number => {
    let at = skipWhitespace(bytes, object + 1);
    while (at < bytes.length && bytes[at] !== CLOSE_BRACE) {
      const keyStart = at;
      const keyEnd = stringEnd(bytes, keyStart);
      const next = onwards(ways, keyAt(bytes, keyStart, keyEnd));
      const valueStart = skipWhitespace(bytes, skipWhitespace(bytes, keyEnd) + 1);
      const end = walk(
        valueStart,
        next.filter((way) => way.length > 0),
      );
      if (next.some((way) => way.length === 0)) found.push({ keyStart, valueStart, valueEnd: end });
      at = afterComma(bytes, end);
    }
    return at + 1;
  };

  const walkList = (list: number, ways: readonly FieldPath[]): number => {
    const next = onwards(ways, EACH);
    let at = skipWhitespace(bytes, list + 1);
    while (at < bytes.length && bytes[at] !== CLOSE_BRACKET) at = afterComma(bytes, walk(at, next));
    return at + 1;
  };

  walk(skipWhitespace(bytes, 0), paths);
  return found;
}

/** What is left of the ways that begin with this step. */
function onwards(ways: readonly FieldPath[], step: string | typeof EACH): readonly FieldPath[] {
  return ways.flatMap((way) => (way[0] === step ? [way.slice(1)] : []));
}

/** The key after unescaping. */
function keyAt(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  return text.includes('\\') ? String(JSON.parse(text)) : text.slice(1, -1);
}

/** Where the next member or element begins, or the list or object ends. */
function afterComma(bytes: Buffer, end: number): number {
  const at = skipWhitespace(bytes, end);
  return bytes[at] === COMMA ? skipWhitespace(bytes, at + 1) : at;
}

function stringEnd(bytes: Buffer, start: number): number {
  for (let quote = start; ; ) {
    quote = bytes.indexOf(QUOTE, quote + 1);
    if (quote === -1) return bytes.length;
    let slashes = quote;
    while (bytes[slashes - 1] === BACKSLASH) slashes -= 1;
    if ((quote - slashes) % 2 === 0) return quote + 1;
  }
}

function valueEnd(bytes: Buffer, start: number): number {
  let depth = 0;
  let at = start;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = stringEnd(bytes, at);
      if (depth === 0) return at;
      continue;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth <= 1) return depth === 1 ? at + 1 : at;
      depth -= 1;
    } else if (depth === 0 && (byte === COMMA || isWhitespace(byte))) return at;
    at += 1;
  }
  return at;
}

function isWhitespace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
