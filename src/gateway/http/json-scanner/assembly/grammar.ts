/**
 * JSON's grammar as one step for each token, so that a document can be read window by window: between two steps, and where the
 * window breaks off a token, all that is known is in the variables here.
 */
import {
  CLOSE_BRACE,
  COLON,
  COMMA,
  LOWER_E,
  LOWER_F,
  MINUS,
  OPEN_BRACE,
  OPEN_BRACKET,
  PLUS,
  POINT,
  QUOTE,
  SPACE,
  ZERO,
} from './bytes.ts';
import { BROKEN_OFF, CLOSERS, MALFORMED, MAX_DEPTH, WINDOW } from './layout.ts';
import { beginKey, beginValue, endValue } from './members.ts';
import { skipString, skipStringRest, stringRest } from './strings.ts';
import { isBlank } from './vectors.ts';

/** What comes next. From `KEY_REST` on it goes on with a token that was broken off. */
enum Next {
  DOCUMENT,
  FIRST_OR_CLOSER,
  KEY,
  COLON,
  VALUE,
  COMMA_OR_CLOSER,
  NOTHING,
  KEY_REST,
  STRING_REST,
  INTEGER_REST,
  FRACTION_REST,
  EXPONENT_REST,
}

/** What `true`, `null`, and `false` without its first letter are when read as one number. */
const TRUE: u32 = 0x65757274;
const NULL: u32 = 0x6c6c756e;
const ALSE: u32 = 0x65736c61;

let next: Next = Next.DOCUMENT;
let depth: usize = 0;
/** What closes the innermost object or array. */
let closer: u8 = 0;
/** The window's end. */
let limit: usize = 0;
/** Where the token that was broken off goes on. */
let rest: usize = 0;

export function beginDocument(): void {
  next = Next.DOCUMENT;
  depth = 0;
}

/** Whether all that must come has come. */
export function isComplete(): bool {
  return next === Next.NOTHING;
}

/** Reads the window up to `end`. Returns the address where the next window has to begin, or `MALFORMED`. */
export function readWindow(end: usize): usize {
  limit = end;
  let at = finishToken(WINDOW);
  while (at > BROKEN_OFF) {
    at = skipWhitespace(at);
    if (at === limit) return at;
    at = step(at);
  }
  return at === BROKEN_OFF ? rest : MALFORMED;
}

/** What follows goes on here in the next window, as `what`. */
function breakOff(at: usize, what: Next): usize {
  rest = at;
  next = what;
  return BROKEN_OFF;
}

function finishToken(at: usize): usize {
  switch (next) {
    case Next.KEY_REST: {
      return afterKey(skipStringRest(at, limit));
    }
    case Next.STRING_REST: {
      return afterString(skipStringRest(at, limit));
    }
    case Next.INTEGER_REST:
    case Next.FRACTION_REST:
    case Next.EXPONENT_REST: {
      const end = skipDigits(at);
      return afterDigits(end, next, end);
    }
    default: {
      return at;
    }
  }
}

/** One token, which begins here. Returns the address after it, `MALFORMED`, or `BROKEN_OFF`. */
function step(at: usize): usize {
  const byte = load<u8>(at);
  switch (next) {
    case Next.KEY: {
      return key(at, byte);
    }
    case Next.COLON: {
      return byte === COLON ? colon(at) : MALFORMED;
    }
    case Next.VALUE: {
      return value(at, byte);
    }
    case Next.COMMA_OR_CLOSER: {
      if (byte === closer) return close(at);
      return byte === COMMA ? comma(at) : MALFORMED;
    }
    case Next.FIRST_OR_CLOSER: {
      if (byte === closer) return close(at);
      return closer === CLOSE_BRACE ? key(at, byte) : value(at, byte);
    }
    case Next.DOCUMENT: {
      return byte === OPEN_BRACE ? open(at, byte) : MALFORMED;
    }
    default: {
      return MALFORMED;
    }
  }
}

function open(at: usize, byte: u8): usize {
  if (depth === MAX_DEPTH) return MALFORMED;
  store<u8>(CLOSERS + depth, closer);
  depth += 1;
  // Of both kinds the closing one comes two after the opening one.
  closer = byte + 2;
  next = Next.FIRST_OR_CLOSER;
  return at + 1;
}

function close(at: usize): usize {
  depth -= 1;
  closer = load<u8>(CLOSERS + depth);
  return afterValue(at + 1);
}

function afterValue(at: usize): usize {
  if (depth === 1) endValue(at);
  next = depth === 0 ? Next.NOTHING : Next.COMMA_OR_CLOSER;
  return load<u8>(at) === COMMA && depth !== 0 ? comma(at) : at;
}

function comma(at: usize): usize {
  next = closer === CLOSE_BRACE ? Next.KEY : Next.VALUE;
  return at + 1;
}

function colon(at: usize): usize {
  next = Next.VALUE;
  return at + 1;
}

/** A key is read from its beginning again, to be known if it is sought; one that is longer than the window is not. */
function key(at: usize, byte: u8): usize {
  if (byte !== QUOTE) return MALFORMED;
  const end = skipString(at + 1, limit);
  if (end === MALFORMED) return MALFORMED;
  if (end === BROKEN_OFF && at > WINDOW) return breakOff(at, Next.KEY);
  if (depth === 1) beginKey(at, end !== BROKEN_OFF);
  return afterKey(end);
}

function afterKey(end: usize): usize {
  if (end === BROKEN_OFF) return breakOff(stringRest, Next.KEY_REST);
  next = Next.COLON;
  return load<u8>(end) === COLON ? colon(end) : end;
}

function value(at: usize, byte: u8): usize {
  if (depth === 1) beginValue(at);
  if (byte === QUOTE) return afterString(skipString(at + 1, limit));
  if (byte === OPEN_BRACE || byte === OPEN_BRACKET) return open(at, byte);
  if (byte === MINUS || isDigit(byte)) return number(at);
  return literal(at, byte);
}

function afterString(end: usize): usize {
  if (end === BROKEN_OFF) return breakOff(stringRest, Next.STRING_REST);
  return end === MALFORMED ? MALFORMED : afterValue(end);
}

function literal(at: usize, byte: u8): usize {
  const word = load<u32>(at);
  if (word === TRUE || word === NULL) return afterValue(at + 4);
  if (byte === LOWER_F && load<u32>(at + 1) === ALSE) return afterValue(at + 5);
  return at + 5 > limit ? breakOff(at, Next.VALUE) : MALFORMED;
}

function number(from: usize): usize {
  const at = load<u8>(from) === MINUS ? from + 1 : from;
  const first = load<u8>(at);
  if (!isDigit(first)) return noDigit(at, Next.VALUE, from);
  if (first === ZERO) return afterDigits(at + 1, Next.VALUE, from);
  const end = skipDigits(at);
  return afterDigits(end, Next.INTEGER_REST, end);
}

/** If the number is broken off it goes on as `what` at `again`: after its last digits, or at its beginning as a value. */
function afterDigits(from: usize, what: Next, again: usize): usize {
  let at = from;
  if (what <= Next.INTEGER_REST && load<u8>(at) === POINT) {
    if (!isDigit(load<u8>(at + 1))) return noDigit(at + 1, what, again);
    at = skipDigits(at + 1);
    what = Next.FRACTION_REST;
    again = at;
  }
  if (what <= Next.FRACTION_REST && (load<u8>(at) | 0x20) === LOWER_E) {
    const sign = load<u8>(at + 1);
    const digits = sign === PLUS || sign === MINUS ? at + 2 : at + 1;
    if (!isDigit(load<u8>(digits))) return noDigit(digits, what, again);
    at = skipDigits(digits);
    what = Next.EXPONENT_REST;
    again = at;
  }
  return at === limit ? breakOff(again, what) : afterValue(at);
}

function noDigit(at: usize, what: Next, again: usize): usize {
  return at < limit ? MALFORMED : breakOff(again, what);
}

function skipDigits(from: usize): usize {
  let at = from;
  while (isDigit(load<u8>(at))) at += 1;
  return at;
}

function isDigit(byte: u8): bool {
  return <u32>byte - ZERO < 10;
}

function skipWhitespace(from: usize): usize {
  if (load<u8>(from) > SPACE) return from;
  let at = from;
  while (true) {
    const others = ~i8x16.bitmask(isBlank(v128.load(at))) & 0xffff;
    if (others !== 0) return at + ctz(others);
    at += 16;
  }
}
