import { BACKSLASH, LOWER_U, QUOTE } from './bytes.ts';
import { NAMES } from './layout.ts';

/** Which of `NAMES` the well-formed string at this quote spells, counted from 0, or -1. */
export function nameAt(quote: usize): i32 {
  let name = NAMES;
  for (let index: i32 = 0; load<u8>(name) !== 0; index += 1) {
    const length: usize = load<u8>(name);
    if (spells(quote + 1, name + 1, length)) return index;
    name += 1 + length;
  }
  return -1;
}

/** The names are letters and underscores, which of all escapes only \u can spell. */
function spells(text: usize, name: usize, length: usize): bool {
  let at = text;
  for (let i: usize = 0; i < length; i += 1) {
    let char: u32 = load<u8>(at);
    at += 1;
    if (char === BACKSLASH) {
      if (load<u8>(at) !== LOWER_U) return false;
      char = codeUnit(at + 1);
      at += 5;
    }
    if (char !== load<u8>(name + i)) return false;
  }
  return load<u8>(at) === QUOTE;
}

function codeUnit(digits: usize): u32 {
  let unit: u32 = 0;
  for (let i: usize = 0; i < 4; i += 1) {
    const digit: u32 = load<u8>(digits + i);
    // Letters have bit 6, and 1 for a or A in their lowest four.
    unit = (unit << 4) | ((digit & 0x0f) + (digit >> 6) * 9);
  }
  return unit;
}
