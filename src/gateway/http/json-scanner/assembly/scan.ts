/**
 * Checks a JSON document that comes in windows and finds members of it; `object-scanner.ts` is the other half. Addresses come
 * from the module's own loops, never from the document.
 */
import { beginDocument, isComplete, readWindow } from './grammar.ts';
import { MALFORMED, MEMBERS, NAMES, PADDING, WINDOW, WINDOW_BYTES } from './layout.ts';
import { beginMembers, membersFound, moveWindow } from './members.ts';

export { MEMBERS, membersFound, NAMES, WINDOW, WINDOW_BYTES };

const NO_OBJECT: i32 = -1;

export function begin(): void {
  beginDocument();
  beginMembers();
}

/**
 * Reads this many bytes of UTF-8 text at `WINDOW`, which the document ends with if it `isLast`. Returns how many of them are
 * done with, so that the next window begins after those, or -1 when the document is not one JSON object.
 */
export function read(length: usize, isLast: bool): i32 {
  const end = WINDOW + length;
  memory.fill(end, 0, PADDING);
  const at = readWindow(end);
  if (at === MALFORMED || (isLast && !isComplete())) return NO_OBJECT;
  moveWindow(at - WINDOW);
  return <i32>(at - WINDOW);
}
