import type { BodyMember } from '../exchange.ts';
import { skipString, skipValue, skipWhitespace } from './json-syntax.ts';

/** Where a field is: keys, and `EACH` for all elements of a list. */
export type FieldPath = readonly (string | typeof EACH)[];

export const EACH = Symbol('each element');

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

/**
 * All members at a path of a body that has been checked already; what has another shape than the path says has none.
 * For rare occasions: it walks through all that lies on the way.
 */
export function findFields(bytes: Buffer, path: FieldPath): readonly BodyMember[] {
  const found: BodyMember[] = [];

  const visit = (at: number, depth: number): void => {
    const step = path[depth];
    if (step === EACH) eachElement(bytes, at, (element) => visit(element, depth + 1));
    else
      eachMember(bytes, at, (member) => {
        if (!hasKey(bytes, member.keyStart, step)) return;
        if (depth === path.length - 1) found.push(member);
        else visit(member.valueStart, depth + 1);
      });
  };

  visit(skipWhitespace(bytes, 0), 0);
  return found;
}

function eachElement(bytes: Buffer, list: number, visit: (element: number) => void): void {
  if (bytes[list] !== OPEN_BRACKET) return;
  let at = skipWhitespace(bytes, list + 1);
  for (;;) {
    const end = skipValue(bytes, at, 0);
    if (end < 0) return;
    visit(at);
    at = skipWhitespace(bytes, end);
    if (bytes[at] !== COMMA) return;
    at = skipWhitespace(bytes, at + 1);
  }
}

function eachMember(bytes: Buffer, object: number, visit: (member: BodyMember) => void): void {
  if (bytes[object] !== OPEN_BRACE) return;
  let keyStart = skipWhitespace(bytes, object + 1);
  for (;;) {
    const colon = skipWhitespace(bytes, skipString(bytes, keyStart));
    const valueStart = skipWhitespace(bytes, colon + 1);
    const valueEnd = skipValue(bytes, valueStart, 0);
    if (colon <= 0 || valueEnd < 0) return;
    visit({ keyStart, valueStart, valueEnd });
    const at = skipWhitespace(bytes, valueEnd);
    if (bytes[at] !== COMMA) return;
    keyStart = skipWhitespace(bytes, at + 1);
  }
}

/** Keys are compared after unescaping. */
function hasKey(bytes: Buffer, keyStart: number, key: string | undefined): boolean {
  const written = bytes.subarray(keyStart, skipString(bytes, keyStart));
  const text = written.toString();
  return written.includes(BACKSLASH) ? JSON.parse(text) === key : text === `"${key}"`;
}
