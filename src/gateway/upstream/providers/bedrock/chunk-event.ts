import { z } from 'zod';
import { decodeBase64 } from './base64.ts';
import type { Output } from './output.ts';
import { eventException } from './stream-exception.ts';

const Chunk = z.object({ bytes: z.string() });
const Event = z.looseObject({ type: z.string() });

const QUOTE = 0x22;
const LF = 0x0a;
const METRICS = 'amazon-bedrock-invocationMetrics';
/** What fits on an `event` line. */
const EVENT_NAME = /^[\w.-]{1,100}$/;

/** How the payload of nearly every frame begins, 30 bytes of JSON in 40 of base64 among it, and how its event does. */
const DELTA_PAYLOAD = Buffer.from(
  `{"bytes":"${Buffer.from('{"type":"content_block_delta",').toString('base64')}`,
);
const DELTA_HEAD = Buffer.from('event: content_block_delta\ndata: ');
const BASE64_START = '{"bytes":"'.length;

/**
 * Writes the event that a `chunk` frame holds as server-sent event: `{"bytes":"<base64 of an event of the Messages API>"}`, with
 * padding of no meaning. What names no type is left out. Throws when it cannot be read, and a StreamException for an `error` event.
 */
export function writeChunkEvent(payload: Buffer, start: number, end: number, output: Output): void {
  if (!writeDelta(payload, start, end, output)) writeEvent(payload.toString('utf8', start, end), output);
}

/** Content in its usual form, without looking at it. False when it is something else. */
function writeDelta(payload: Buffer, start: number, end: number, output: Output): boolean {
  if (!startsWith(payload, DELTA_PAYLOAD, start, end)) return false;
  const from = start + BASE64_START;
  const to = payload.indexOf(QUOTE, from);
  if (to === -1 || to >= end) return false;
  output.reserve(DELTA_HEAD.length + (to - from) + 2);
  const { bytes } = output;
  bytes.set(DELTA_HEAD, output.end);
  const dataEnd = decodeBase64(payload, from, to, bytes, output.end + DELTA_HEAD.length);
  if (dataEnd === -1) return false;
  bytes[dataEnd] = LF;
  bytes[dataEnd + 1] = LF;
  output.end = dataEnd + 2;
  return true;
}

function writeEvent(payload: string, output: Output): void {
  const chunk = Chunk.safeParse(parseJson(payload));
  if (!chunk.success) throw new Error('a frame of its stream holds no event');
  const json = Buffer.from(chunk.data.bytes, 'base64').toString();
  const event = Event.safeParse(parseJson(json));
  if (!event.success || !EVENT_NAME.test(event.data.type)) return;
  const { type, [METRICS]: metrics, ...members } = event.data;
  if (type === 'error') throw eventException(json);
  // Between its members JSON may have line ends, in them it has none.
  const data = metrics === undefined ? json.replace(/[\r\n]/g, ' ') : JSON.stringify({ type, ...members });
  output.write(`event: ${type}\ndata: ${data}\n\n`);
}

function startsWith(bytes: Buffer, word: Buffer, start: number, end: number): boolean {
  if (end - start < word.length) return false;
  for (let i = 0; i < word.length; i += 1) if (bytes[start + i] !== word[i]) return false;
  return true;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error('a frame of its stream holds no JSON', { cause });
  }
}
