/**
 * A strict JSON syntax checker over bytes (RFC 8259). Each `skip*` takes the offset where something must begin and returns
 * the offset after it, or -1 when it is malformed. Nothing is decoded and nothing is allocated per value.
 */

export const MAX_DEPTH = 200;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const LOWER_U = 0x75;

/** Bytes that stand for themselves in a string: all but control characters, the quote and the backslash. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);
const HEX = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[0-9a-f]/i.test(String.fromCharCode(byte)) ? 1 : 0,
);
const ESCAPES = Uint8Array.from({ length: 256 }, (_, byte) =>
  '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0,
);
const LITERALS = ['true', 'false', 'null'].map((word) => Buffer.from(word));

export function skipWhitespace(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at += 1;
  }
}

/** `from` is the opening quote. */
export function skipString(bytes: Uint8Array, from: number): number {
  if (bytes[from] !== QUOTE) return -1;
  const end = bytes.length;
  let at = from + 1;
  while (at < end) {
    const byte = bytes[at] as number;
    if (PLAIN[byte] === 1) {
      at += 1;
    } else if (byte === QUOTE) {
      return at + 1;
    } else if (byte === BACKSLASH) {
      const escaped = bytes[at + 1] ?? 0;
      if (ESCAPES[escaped] === 1) at += 2;
      else if (escaped === LOWER_U && areHex(bytes, at + 2)) at += 6;
      else return -1;
    } else {
      return -1;
    }
  }
  return -1;
}

/** Any value; objects and arrays up to `MAX_DEPTH` levels, of which `depth` are open already. */
export function skipValue(bytes: Uint8Array, from: number, depth: number): number {
  const first = bytes[from];
  if (first === QUOTE) return skipString(bytes, from);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipContainer(bytes, from, depth);
  if (first === MINUS || isDigit(first)) return skipNumber(bytes, from);
  return skipLiteral(bytes, from);
}

function skipContainer(bytes: Uint8Array, from: number, depth: number): number {
  const closers = new Uint8Array(MAX_DEPTH);
  let open = 0;
  let at = from;
  for (;;) {
    // Here a value begins.
    const first = bytes[at];
    if (first === OPEN_BRACE || first === OPEN_BRACKET) {
      if (depth + open >= MAX_DEPTH) return -1;
      const closer = first === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
      closers[open] = closer;
      open += 1;
      at = skipWhitespace(bytes, at + 1);
      if (bytes[at] !== closer) {
        at = closer === CLOSE_BRACE ? skipKey(bytes, at) : at;
        if (at < 0) return -1;
        continue;
      }
    } else {
      at = first === QUOTE ? skipString(bytes, at) : skipValue(bytes, at, depth);
      if (at < 0) return -1;
      at = skipWhitespace(bytes, at);
    }
    // Here a value has ended: close what ends with it, then go on to the next one.
    while (open > 0 && bytes[at] === closers[open - 1]) {
      open -= 1;
      at += 1;
      if (open === 0) return at;
      at = skipWhitespace(bytes, at);
    }
    if (bytes[at] !== COMMA) return -1;
    at = skipWhitespace(bytes, at + 1);
    if (closers[open - 1] === CLOSE_BRACE) at = skipKey(bytes, at);
    if (at < 0) return -1;
  }
}

/** A key, its colon and the white space around it; returns where the value begins. */
export function skipKey(bytes: Uint8Array, from: number): number {
  const afterKey = skipString(bytes, from);
  if (afterKey < 0) return -1;
  const colon = skipWhitespace(bytes, afterKey);
  return bytes[colon] === COLON ? skipWhitespace(bytes, colon + 1) : -1;
}

function skipNumber(bytes: Uint8Array, from: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from;
  if (bytes[at] === ZERO) at += 1;
  else if (isDigit(bytes[at])) at = skipDigits(bytes, at);
  else return -1;
  if (bytes[at] === POINT) {
    if (!isDigit(bytes[at + 1])) return -1;
    at = skipDigits(bytes, at + 1);
  }
  if (((bytes[at] ?? 0) | 0x20) === 0x65) {
    at += 1;
    if (bytes[at] === PLUS || bytes[at] === MINUS) at += 1;
    if (!isDigit(bytes[at])) return -1;
    at = skipDigits(bytes, at);
  }
  return at;
}

function skipDigits(bytes: Uint8Array, from: number): number {
  let at = from;
  while (isDigit(bytes[at])) at += 1;
  return at;
}

function skipLiteral(bytes: Uint8Array, from: number): number {
  for (const literal of LITERALS) {
    if (bytes[from] !== literal[0]) continue;
    for (let i = 1; i < literal.length; i += 1) if (bytes[from + i] !== literal[i]) return -1;
    return from + literal.length;
  }
  return -1;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39;
}

function areHex(bytes: Uint8Array, from: number): boolean {
  for (let i = 0; i < 4; i += 1) if (HEX[bytes[from + i] ?? 0] !== 1) return false;
  return true;
}
