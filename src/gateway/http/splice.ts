import type { BodyMember, ScannedBody } from '../exchange.ts';
import { skipWhitespace } from './json-syntax.ts';

/** A change to one top-level member: another value (JSON text), `undefined` to leave it out, or others in its place. */
export type MemberChange = readonly [key: string, value: string | undefined | MembersInstead];

export interface MembersInstead {
  /** One member or more, as they stand in an object: `"a":1,"b":2`. */
  readonly members: string;
}

const COMMA = 0x2c;

interface Cut {
  readonly start: number;
  readonly end: number;
  /** What stands there instead; undefined when the member goes. */
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
    if (value === undefined) remove(body.bytes, member, cuts);
    else if (typeof value === 'string')
      cuts.push({ start: member.valueStart, end: member.valueEnd, insert: Buffer.from(value) });
    else cuts.push({ start: member.keyStart, end: member.valueEnd, insert: Buffer.from(value.members) });
  }
  return applied(body.bytes, cuts);
}

/** The bytes without these members, wherever in the body they are. One inside another goes with it. */
export function withoutMembers(bytes: Buffer, members: readonly BodyMember[]): Buffer {
  const cuts: Cut[] = [];
  let end = 0;
  for (const member of [...members].sort((a, b) => a.keyStart - b.keyStart)) {
    if (member.keyStart < end) continue;
    remove(bytes, member, cuts);
    end = member.valueEnd;
  }
  return cuts.length === 0 ? bytes : applied(bytes, cuts);
}

/** The member goes with the comma after it; the last one with the comma before it and the removals right before that. */
function remove(bytes: Buffer, member: BodyMember, cuts: Cut[]): void {
  const after = skipWhitespace(bytes, member.valueEnd);
  if (bytes[after] === COMMA) {
    cuts.push({ start: member.keyStart, end: skipWhitespace(bytes, after + 1), insert: undefined });
    return;
  }
  let start = member.keyStart;
  for (let last = cuts.at(-1); last && last.insert === undefined && last.end === start; last = cuts.at(-1)) {
    start = last.start;
    cuts.pop();
  }
  let before = start - 1;
  while (isWhitespace(bytes[before])) before -= 1;
  cuts.push({ start: bytes[before] === COMMA ? before : start, end: member.valueEnd, insert: undefined });
}

function applied(bytes: Buffer, cuts: readonly Cut[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const { start, end, insert } of cuts) {
    parts.push(bytes.subarray(at, start));
    if (insert) parts.push(insert);
    at = end;
  }
  parts.push(bytes.subarray(at));
  return Buffer.concat(parts);
}

function isWhitespace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
