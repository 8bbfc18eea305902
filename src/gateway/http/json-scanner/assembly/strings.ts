import { BACKSLASH, LOWER_U, QUOTE } from './bytes.ts';
import { BROKEN_OFF, MALFORMED } from './layout.ts';
import { isByte, isHex, isNoSimpleEscape, isQuoteOrControl } from './vectors.ts';

/** A set of places in a block of 64 bytes, the first one the lowest bit. */
type Places = u64;

/** The places 0, 2, 4, …: every other bit is a third of all. */
const EVEN: u64 = u64.MAX_VALUE / 3;

/** Where the string that was broken off goes on, in the next window. */
export let stringRest: usize = 0;
/** What the blocks before it leave to its first one: an escaped byte at its start, the rest of a \u escape's four digits. */
let restEscaped: Places = 0;
let restDigits: Places = 0;

/**
 * `from` is the byte after the opening quote, `limit` the window's end. Returns the address after the closing quote,
 * `MALFORMED`, or `BROKEN_OFF`.
 */
export function skipString(from: usize, limit: usize): usize {
  // Most strings end in their first sixteen bytes, and without an escape.
  const block = v128.load(from);
  const telling = i8x16.bitmask(v128.or(isQuoteOrControl(block), isByte(block, BACKSLASH)));
  if (telling === 0) return skipBlocks(from + 16, limit, 0, 0);
  const at = from + ctz(telling);
  return load<u8>(at) === QUOTE ? at + 1 : skipBlocks(at, limit, 0, 0);
}

/** The same for the rest of a string that was broken off. */
export function skipStringRest(from: usize, limit: usize): usize {
  return skipBlocks(from, limit, restEscaped, restDigits);
}

/** Has no branch for each escape: how far apart they are is nothing that a processor can foresee. */
function skipBlocks(from: usize, limit: usize, escapedBefore: Places, digitsBefore: Places): usize {
  let at = from;
  let firstEscaped = escapedBefore;
  let firstDigits = digitsBefore;
  while (true) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);
    const backslashes = placesOf(a, b, c, d, BACKSLASH);
    let ends = places(isQuoteOrControl(a), isQuoteOrControl(b), isQuoteOrControl(c), isQuoteOrControl(d));
    let wrong: Places = 0;
    let nextEscaped: Places = 0;
    let nextDigits: Places = 0;
    if ((backslashes | firstEscaped | firstDigits) !== 0) {
      const escaped = escapedBy(backslashes & ~firstEscaped) | firstEscaped;
      nextEscaped = (backslashes & ~escaped) >> 63;
      ends &= ~escaped;
      wrong =
        escaped & places(isNoSimpleEscape(a), isNoSimpleEscape(b), isNoSimpleEscape(c), isNoSimpleEscape(d));
      if ((wrong | firstDigits) !== 0) {
        const unicode = wrong & placesOf(a, b, c, d, LOWER_U);
        const digits = firstDigits | (unicode << 1) | (unicode << 2) | (unicode << 3) | (unicode << 4);
        nextDigits = (unicode >> 63) | (unicode >> 62) | (unicode >> 61) | (unicode >> 60);
        wrong = (wrong ^ unicode) | (digits & ~places(isHex(a), isHex(b), isHex(c), isHex(d)));
      }
    }
    const stops = ends | wrong;
    if (stops !== 0) {
      const first = ctz(stops);
      const end = at + <usize>first;
      if (end >= limit) return breakOff(at, firstEscaped, firstDigits);
      return load<u8>(end) === QUOTE && ((wrong >> first) & 1) === 0 ? end + 1 : MALFORMED;
    }
    at += 64;
    firstEscaped = nextEscaped;
    firstDigits = nextDigits;
  }
}

/** The block that the window's end is in is looked at again when it is whole. */
function breakOff(at: usize, firstEscaped: Places, firstDigits: Places): usize {
  stringRest = at;
  restEscaped = firstEscaped;
  restDigits = firstDigits;
  return BROKEN_OFF;
}

function placesOf(a: v128, b: v128, c: v128, d: v128, byte: u8): Places {
  return places(isByte(a, byte), isByte(b, byte), isByte(c, byte), isByte(d, byte));
}

function places(a: v128, b: v128, c: v128, d: v128): Places {
  const low = i8x16.bitmask(a) | (i8x16.bitmask(b) << 16);
  const high = i8x16.bitmask(c) | (i8x16.bitmask(d) << 16);
  return <u64>(<u32>low) | ((<u64>(<u32>high)) << 32);
}

/**
 * In a run of backslashes the first escapes the second, the third the fourth, and the last of an odd number what comes after.
 * So in a run and the place after it every other place is escaped: the odd ones where the run starts at an even place, and
 * the other way round. Adding its first bit to a run carries through all of it into the place after, which tells the two apart.
 */
function escapedBy(backslashes: Places): Places {
  const next = backslashes << 1;
  const evenStarts = backslashes & ~next & EVEN;
  const inEvenRuns = (backslashes + evenStarts) ^ backslashes;
  return (backslashes | next) & (inEvenRuns ^ EVEN);
}
