import type { BodyMember, ScannedBody } from '../exchange.ts';
import { skipWhitespace } from './json-syntax.ts';

/** A change to one top-level member: another value (JSON text), or `undefined` to leave the member out. */
export type MemberChange = readonly [key: string, value: string | undefined];

interface Cut {
  readonly start: number;
  readonly end: number;
  readonly insert: Buffer | undefined;
}

/** Rewrites members without touching any other byte. Members that the body does not have are ignored. */
export function spliceBody(body: ScannedBody, changes: readonly MemberChange[]): Buffer {
  const present = changes.flatMap(([key, value]) => {
    const member = body.members.get(key);
    return member ? [{ member, value }] : [];
  });
  if (present.length === 0) return body.bytes;
  present.sort((a, b) => a.member.keyStart - b.member.keyStart);
  const cuts: Cut[] = [];
  for (const { member, value } of present) {
    cuts.push(
      value === undefined
        ? removal(body.bytes, member, cuts.at(-1))
        : { start: member.valueStart, end: member.valueEnd, insert: Buffer.from(value) },
    );
  }
  return applied(body.bytes, cuts);
}

/** The member with the comma after it, or, for the last one, with the comma before it. */
function removal(bytes: Buffer, member: BodyMember, previous: Cut | undefined): Cut {
  const after = skipWhitespace(bytes, member.valueEnd);
  if (bytes[after] === 0x2c)
    return { start: member.keyStart, end: skipWhitespace(bytes, after + 1), insert: undefined };
  // The comma that a removal right before this one has taken along does not count: look before that one.
  const isAdjacent =
    previous !== undefined && previous.insert === undefined && previous.end === member.keyStart;
  let start = isAdjacent ? previous.start : member.keyStart;
  let before = start - 1;
  while (isWhitespace(bytes[before])) before -= 1;
  if (bytes[before] === 0x2c) start = before;
  return { start, end: member.valueEnd, insert: undefined };
}

function applied(bytes: Buffer, cuts: readonly Cut[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const [i, cut] of cuts.entries()) {
    const isSwallowed = (cuts[i + 1]?.start ?? Number.POSITIVE_INFINITY) <= cut.start;
    if (isSwallowed) continue;
    parts.push(bytes.subarray(at, cut.start));
    if (cut.insert) parts.push(cut.insert);
    at = cut.end;
  }
  parts.push(bytes.subarray(at));
  return Buffer.concat(parts);
}

function isWhitespace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
