import type { BodyMember } from '../exchange.ts';
import { skipKey, skipString, skipValue, skipWhitespace } from './json-syntax.ts';

const COMMA = 0x2c;
const CLOSE_BRACE = 0x7d;
const BACKSLASH = 0x5c;

/**
 * The outermost members of a scanned body, with their keys as JSON reads them: byte by byte, for the few requests of which
 * more is to be known than the scan has noted.
 */
export function* topLevelMembers(bytes: Buffer): Generator<readonly [key: string, member: BodyMember]> {
  const openBrace = skipWhitespace(bytes, 0);
  let keyStart = skipWhitespace(bytes, openBrace + 1);
  while (bytes[keyStart] !== CLOSE_BRACE) {
    const valueStart = skipKey(bytes, keyStart);
    const valueEnd = valueStart < 0 ? -1 : skipValue(bytes, valueStart, 1);
    if (valueEnd < 0) return;
    yield [keyAt(bytes, keyStart), { keyStart, valueStart, valueEnd }];
    const after = skipWhitespace(bytes, valueEnd);
    if (bytes[after] !== COMMA) return;
    keyStart = skipWhitespace(bytes, after + 1);
  }
}

function keyAt(bytes: Buffer, start: number): string {
  const end = skipString(bytes, start);
  const backslash = bytes.indexOf(BACKSLASH, start);
  if (backslash === -1 || backslash >= end) return bytes.toString('utf8', start + 1, end - 1);
  return String(JSON.parse(bytes.toString('utf8', start, end)));
}
