import type { BodyMember } from '../../src/gateway/exchange.ts';
import type { ScannedObject } from '../../src/gateway/http/json-scanner/object-scanner.ts';
import { skipKey, skipValue, skipWhitespace } from '../../src/gateway/http/json-syntax.ts';

/** What the object scanner has to say, found by a plain walk: one byte after the other, keys read by the platform's parser. */
export function plainObjectScan(bytes: Buffer, names: readonly string[]): ScannedObject | undefined {
  const members = new Map<string, BodyMember>();
  let repeated: string | undefined;
  let at = skipWhitespace(bytes, 0);
  if (bytes[at] !== 0x7b) return undefined;
  at = skipWhitespace(bytes, at + 1);
  if (bytes[at] === 0x7d) return isEnd(bytes, at + 1) ? { members, repeated } : undefined;
  for (;;) {
    const keyStart = at;
    const valueStart = skipKey(bytes, keyStart);
    if (valueStart < 0) return undefined;
    const valueEnd = skipValue(bytes, valueStart, 1);
    if (valueEnd < 0) return undefined;
    const key = keyIn(bytes.toString('utf8', keyStart, valueStart));
    if (names.includes(key)) {
      if (members.has(key)) repeated ??= key;
      members.set(key, { keyStart, valueStart, valueEnd });
    }
    at = skipWhitespace(bytes, valueEnd);
    if (bytes[at] === 0x7d) return isEnd(bytes, at + 1) ? { members, repeated } : undefined;
    if (bytes[at] !== 0x2c) return undefined;
    at = skipWhitespace(bytes, at + 1);
  }
}

function isEnd(bytes: Buffer, at: number): boolean {
  return skipWhitespace(bytes, at) === bytes.length;
}

function keyIn(keyAndColon: string): string {
  const [key = ''] = /^"(?:[^"\\]|\\.)*"/s.exec(keyAndColon) ?? [];
  return String(JSON.parse(key));
}
