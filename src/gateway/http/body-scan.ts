import { isUtf8 } from 'node:buffer';
import { CodedError } from '../../kernel/coded-error.ts';
import type { BodyMember, ScannedBody } from '../exchange.ts';
import { createObjectScanner } from './json-scanner/object-scanner.ts';

/** Finds the top-level members that the gateway reads or rewrites. One that appears twice is refused: parsers disagree on which wins. */
const scanObject = createObjectScanner([
  'model',
  'stream',
  'max_tokens',
  'tags',
  'anthropic_version',
  'anthropic_beta',
  'safeguards',
]);

const NO_BYTES = Buffer.alloc(0);

/**
 * Checks a Messages API body in one pass and notes where the watched members are. Accepts exactly the JSON objects that a
 * strict parser accepts, nested at most 200 deep. Throws `body_not_object`, `body_repeated_key` (facts.key),
 * `model_required`, `model_not_string`.
 */
export function scanBody(bytes: Buffer): ScannedBody {
  const object = isUtf8(bytes) ? scanObject(bytes) : undefined;
  if (!object) throw new CodedError('body_not_object');
  const { members, repeated } = object;
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

function unescaped(bytes: Buffer, start: number, end: number): string {
  return String(JSON.parse(bytes.toString('utf8', start, end)));
}
