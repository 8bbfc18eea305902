import { MAX_MEMBERS, MEMBER_BYTES, MEMBERS, WINDOW } from './layout.ts';
import { nameAt } from './names.ts';

/** How much of the document is before the window. */
let before: usize = 0;
let found: usize = 0;
/** Of the member that is being read: which name it has, or -1, and the offsets of its key and value. */
let name: i32 = -1;
let key: usize = 0;
let value: usize = 0;

export function beginMembers(): void {
  before = 0;
  found = 0;
}

export function moveWindow(bytes: usize): void {
  before += bytes;
}

export function membersFound(): i32 {
  return <i32>found;
}

/** `isWhole`: all of the key is in the window. */
export function beginKey(quote: usize, isWhole: bool): void {
  name = isWhole ? nameAt(quote) : -1;
  key = offsetOf(quote);
}

export function beginValue(at: usize): void {
  value = offsetOf(at);
}

export function endValue(at: usize): void {
  if (name < 0 || found === MAX_MEMBERS) return;
  const member = MEMBERS + found * MEMBER_BYTES;
  store<u32>(member, name);
  store<u32>(member, key, 4);
  store<u32>(member, value, 8);
  store<u32>(member, offsetOf(at), 12);
  found += 1;
}

function offsetOf(at: usize): usize {
  return before + (at - WINDOW);
}
