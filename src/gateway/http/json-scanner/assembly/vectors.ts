import { CARRIAGE_RETURN, LINE_FEED, LOWER_A, QUOTE, SPACE, TAB, ZERO } from './bytes.ts';

/** Every byte below 0x80 in its place. */
const BYTES: usize = memory.data(128);
for (let byte: usize = 0; byte < 128; byte += 1) store<u8>(BYTES + byte, byte);

/**
 * Sixteen times this byte. V8 makes a vector that is written in the code anew at each use, in up to four instructions; one
 * from memory takes one, which halves the time for strings with many escapes.
 */
export function sixteen(byte: u8): v128 {
  return v128.load_splat<u8>(BYTES + byte);
}

export function isByte(block: v128, byte: u8): v128 {
  return i8x16.eq(block, sixteen(byte));
}

/** The quote and the control characters. Without the bit in which quote and space differ they are all the bytes up to 0x20. */
export function isQuoteOrControl(block: v128): v128 {
  return i8x16.le_u(v128.xor(block, sixteen(QUOTE ^ SPACE)), sixteen(SPACE));
}

export function isBlank(block: v128): v128 {
  return v128.or(
    v128.or(isByte(block, SPACE), isByte(block, LINE_FEED)),
    v128.or(isByte(block, CARRIAGE_RETURN), isByte(block, TAB)),
  );
}

export function isHex(block: v128): v128 {
  const digit = i8x16.lt_u(i8x16.sub(block, sixteen(ZERO)), sixteen(10));
  // Setting the bit of lower case makes no other byte a letter from a to f.
  const letter = i8x16.lt_u(i8x16.sub(v128.or(block, sixteen(0x20)), sixteen(LOWER_A)), sixteen(6));
  return v128.or(digit, letter);
}

/** The rows of ASCII that hold `"` and `/` (2x), `\` (5x), `b`, `f` and `n` (6x), `r` and `t` (7x): a bit for each. */
const ROWS: usize = memory.data<u8>([0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0], 16);
/** For each column the rows in which it has one of these characters. */
const COLUMNS: usize = memory.data<u8>([0, 0, 1 | 4 | 8, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1], 16);

/** All that may not follow a backslash, and `u`, which may when four digits follow. */
export function isNoSimpleEscape(block: v128): v128 {
  const row = i8x16.swizzle(v128.load(ROWS), i8x16.shr_u(block, 4));
  const column = i8x16.swizzle(v128.load(COLUMNS), v128.and(block, sixteen(0x0f)));
  return i8x16.eq(v128.and(row, column), sixteen(0));
}
