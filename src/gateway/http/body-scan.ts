import { isUtf8 } from 'node:buffer';
import { CodedError } from '../../kernel/coded-error.ts';
import type { BodyMember, ScannedBody } from '../exchange.ts';
import { skipKey, skipString, skipValue, skipWhitespace } from './json-syntax.ts';

/** The top-level members that the gateway reads or rewrites. One that appears twice is refused: parsers disagree on which wins. */
const WATCHED = new Set([
  'model',
  'stream',
  'max_tokens',
  'tags',
  'anthropic_version',
  'anthropic_beta',
  'safeguards',
]);

const LONGEST_WATCHED = Math.max(...[...WATCHED].map((key) => key.length));

const NO_BYTES = Buffer.alloc(0);

const notAnObject = (): CodedError => new CodedError('body_not_object');

/**
 * Checks a Messages API body in one pass and notes where the watched members are. Accepts exactly the JSON objects that a
 * strict parser accepts, nested at most 200 deep. Throws `body_not_object`, `body_repeated_key` (facts.key),
 * `model_required`, `model_not_string`.
 */
export function scanBody(bytes: Buffer): ScannedBody {
  if (!isUtf8(bytes)) throw notAnObject();
  const members = new Map<string, BodyMember>();
  let at = skipWhitespace(bytes, 0);
  if (bytes[at] !== 0x7b) throw notAnObject();
  at = skipWhitespace(bytes, at + 1);
  let repeated: string | undefined;

  if (bytes[at] === 0x7d) {
    at += 1;
  } else {
    for (;;) {
      const keyStart = at;
      const valueStart = skipKey(bytes, at);
      if (valueStart < 0) throw notAnObject();
      const valueEnd = skipValue(bytes, valueStart, 1);
      if (valueEnd < 0) throw notAnObject();
      const key = watchedKey(bytes, keyStart);
      if (key !== undefined) {
        if (members.has(key)) repeated ??= key;
        members.set(key, { keyStart, valueStart, valueEnd });
      }
      at = skipWhitespace(bytes, valueEnd);
      const next = bytes[at];
      at += 1;
      if (next === 0x7d) break;
      if (next !== 0x2c) throw notAnObject();
      at = skipWhitespace(bytes, at);
    }
  }
  if (skipWhitespace(bytes, at) !== bytes.length) throw notAnObject();
  if (repeated !== undefined) throw new CodedError('body_repeated_key', { facts: { key: repeated } });

  const stream = members.get('stream');
  const body = {
    bytes,
    model: modelOf(bytes, members.get('model')),
    stream: stream !== undefined && bytes[stream.valueStart] === 0x74,
    members,
    drop() {
      body.bytes = NO_BYTES;
    },
  };
  return body;
}

function modelOf(bytes: Buffer, member: BodyMember | undefined): string {
  if (!member) throw new CodedError('model_required');
  if (bytes[member.valueStart] !== 0x22) throw new CodedError('model_not_string');
  const model = unescaped(bytes, member.valueStart, member.valueEnd);
  if (model === '') throw new CodedError('model_required');
  return model;
}

/** The key that begins at this quote, after JSON unescaping, if it is a watched one. */
function watchedKey(bytes: Buffer, keyStart: number): string | undefined {
  const keyEnd = skipString(bytes, keyStart);
  const length = keyEnd - keyStart - 2;
  if (bytes.subarray(keyStart, keyEnd).includes(0x5c)) {
    // An escape takes at most six bytes for one character.
    if (length > LONGEST_WATCHED * 6) return undefined;
    const key = unescaped(bytes, keyStart, keyEnd);
    return WATCHED.has(key) ? key : undefined;
  }
  if (length > LONGEST_WATCHED) return undefined;
  const key = bytes.toString('latin1', keyStart + 1, keyEnd - 1);
  return WATCHED.has(key) ? key : undefined;
}

function unescaped(bytes: Buffer, start: number, end: number): string {
  return String(JSON.parse(bytes.toString('utf8', start, end)));
}
