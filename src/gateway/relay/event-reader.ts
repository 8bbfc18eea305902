import { z } from 'zod';
import type { Usage } from '../exchange.ts';
import { lengthOfDelta } from './delta-length.ts';
import { NO_USAGE, updatedUsage } from './usage.ts';

export interface EventReader {
  /** Looks at bytes on their way to the client; never changes, keeps or delays them. */
  read(chunk: Buffer): void;
  /** What has been reported; output is estimated from the text relayed until the final report comes. */
  usage(): Usage;
  /** `message_stop` has passed: the answer is whole. */
  isComplete(): boolean;
  /** The upstream itself has said, in an `error` event, that the answer ends here. */
  hasErrorEvent(): boolean;
  /** The bytes so far end where an event ends. */
  isAtBoundary(): boolean;
}

type EventName = 'message_start' | 'message_delta' | 'message_stop' | 'error' | 'content_block_delta';
/** `unnamed` until an `event` line comes, `other` for names that mean nothing here. */
type Kind = EventName | 'unnamed' | 'other';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const NAMES: readonly (readonly [EventName, Buffer])[] = (
  ['content_block_delta', 'message_start', 'message_delta', 'message_stop', 'error'] as const
).map((name) => [name, Buffer.from(name)]);
/** How nearly every event of a stream begins. */
const DELTA_HEAD = Buffer.from('event: content_block_delta\ndata: ');
const EVENT = Buffer.from('event:');
const DATA = Buffer.from('data:');
/** Data without an `event` line before it says what it is in its first member. */
const TYPE = Buffer.from('{"type":"');

/** Of a line that arrives in pieces: what is kept when it is of interest, and when it is not. */
const MAX_KEPT_BYTES = 1024 * 1024;
const MAX_GLANCE_BYTES = 160;
/** The floor for answers that end before the final report. */
const CHARACTERS_PER_TOKEN = 4;

const MessageStart = z.object({ message: z.object({ usage: z.unknown() }) });
const MessageDelta = z.object({ usage: z.unknown() });

/**
 * Reads the events of a Messages API stream that matter to the gateway (`message_start`, `message_delta`, `message_stop`,
 * `error`). Lines are found by native byte search; of content only the length is looked at. Works for every way of
 * cutting the stream into chunks, LF and CRLF, and `data` on several lines (WHATWG HTML section 9.2).
 */
export function createEventReader(): EventReader {
  let usage = NO_USAGE;
  let hasFinalUsage = false;
  let textLength = 0;
  let isComplete = false;
  let hasErrorEvent = false;

  let kind: Kind = 'unnamed';
  let data: string[] = [];
  let isInEvent = false;

  /** A line whose end has not arrived: its first bytes, and how long it is so far. */
  let partial: Buffer[] = [];
  let keptBytes = 0;
  let partialBytes = 0;

  const takeLine = (bytes: Buffer, start: number, lineEnd: number, length: number): void => {
    const end = lineEnd > start && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    if (end === start) return endEvent();
    isInEvent = true;
    if (startsWith(bytes, DATA, start, end)) {
      const value = valueStart(bytes, start + DATA.length);
      if (kind === 'unnamed') kind = kindOfData(bytes, value, end);
      if (kind === 'content_block_delta') textLength += lengthOfDelta(bytes, value, length - (value - start));
      else if (kind !== 'other' && kind !== 'unnamed') data.push(bytes.toString('utf8', value, end));
    } else if (startsWith(bytes, EVENT, start, end)) {
      kind = kindOf(bytes, valueStart(bytes, start + EVENT.length), end);
    }
  };

  const endEvent = (): void => {
    if (kind === 'message_stop') isComplete = true;
    else if (kind === 'error') hasErrorEvent = true;
    else if (kind === 'message_start') {
      const parsed = MessageStart.safeParse(parseJson(data.join('\n')));
      if (parsed.success) usage = updatedUsage(NO_USAGE, parsed.data.message.usage);
    } else if (kind === 'message_delta') {
      const parsed = MessageDelta.safeParse(parseJson(data.join('\n')));
      const updated = parsed.success ? updatedUsage(usage, parsed.data.usage) : usage;
      hasFinalUsage ||= updated !== usage;
      usage = updated;
    }
    kind = 'unnamed';
    data = [];
    isInEvent = false;
  };

  const keepPartial = (bytes: Buffer, start: number): void => {
    const isContent = kind === 'content_block_delta' || kind === 'other';
    const room = (isContent ? MAX_GLANCE_BYTES : MAX_KEPT_BYTES) - keptBytes;
    const end = Math.min(bytes.length, start + Math.max(0, room));
    // A copy: a few bytes must not keep the whole chunk alive while the stream is silent.
    if (end > start) partial.push(Buffer.from(bytes.subarray(start, end)));
    keptBytes += end - start;
    partialBytes += bytes.length - start;
  };

  const takePartial = (bytes: Buffer, end: number): void => {
    keepPartial(bytes.subarray(0, end), 0);
    const line = Buffer.concat(partial, keptBytes);
    const length = partialBytes;
    partial = [];
    keptBytes = 0;
    partialBytes = 0;
    takeLine(line, 0, line.length, length);
  };

  /** Takes a whole content event in one step; -1 when there is none here in its usual form. */
  const takeDelta = (bytes: Buffer, start: number): number => {
    if (!startsWith(bytes, DELTA_HEAD, start, bytes.length)) return -1;
    const value = start + DELTA_HEAD.length;
    const end = bytes.indexOf(LF, value);
    if (end === -1 || bytes[end + 1] !== LF) return -1;
    textLength += lengthOfDelta(bytes, value, end - value);
    return end + 2;
  };

  return {
    read(chunk) {
      let at = 0;
      while (at < chunk.length) {
        const afterDelta = isInEvent || partialBytes > 0 ? -1 : takeDelta(chunk, at);
        if (afterDelta !== -1) {
          at = afterDelta;
          continue;
        }
        const end = chunk.indexOf(LF, at);
        if (end === -1) return keepPartial(chunk, at);
        if (partialBytes > 0) takePartial(chunk, end);
        else takeLine(chunk, at, end, end - at);
        at = end + 1;
      }
    },
    usage() {
      if (hasFinalUsage || textLength === 0) return usage;
      const floor = Math.ceil(textLength / CHARACTERS_PER_TOKEN);
      return { ...usage, outputTokens: Math.max(usage.outputTokens ?? 0, floor) };
    },
    isComplete() {
      return isComplete;
    },
    hasErrorEvent() {
      return hasErrorEvent;
    },
    isAtBoundary() {
      return !isInEvent && partialBytes === 0;
    },
  };
}

/** One space after the colon is not part of the value. */
function valueStart(bytes: Buffer, afterColon: number): number {
  return bytes[afterColon] === SPACE ? afterColon + 1 : afterColon;
}

function kindOf(bytes: Buffer, start: number, end: number): Kind {
  for (const [name, word] of NAMES) {
    if (word.length === end - start && startsWith(bytes, word, start, end)) return name;
  }
  return 'other';
}

function kindOfData(bytes: Buffer, start: number, end: number): Kind {
  if (!startsWith(bytes, TYPE, start, end)) return 'other';
  const name = start + TYPE.length;
  const quote = bytes.indexOf(0x22, name);
  return quote === -1 || quote > end ? 'other' : kindOf(bytes, name, quote);
}

function startsWith(bytes: Buffer, word: Buffer, start: number, end: number): boolean {
  if (end - start < word.length) return false;
  for (let i = 0; i < word.length; i += 1) if (bytes[start + i] !== word[i]) return false;
  return true;
}

/** Malformed data is no usage; the meter never breaks the relay. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
