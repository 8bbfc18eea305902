import { z } from 'zod';
import type { Usage } from '../exchange.ts';
import { NO_USAGE, updatedUsage } from './usage.ts';

export interface EventReader {
  /** Looks at bytes on their way to the client; never changes, keeps or delays them. */
  read(chunk: Buffer): void;
  readonly usage: Usage;
  /** `message_stop` has passed: the answer is whole. */
  readonly isComplete: boolean;
  /** The upstream itself has said, in an `error` event, that the answer ends here. */
  readonly hasErrorEvent: boolean;
  /** The bytes so far end where an event ends. */
  readonly isAtBoundary: boolean;
}

/** An event of interest longer than this is passed over. */
const MAX_EVENT_BYTES = 4 * 1024 * 1024;
const MARKS = [Buffer.from('message_'), Buffer.from('error')];
const LONGEST_HEAD = 'event: message_delta\r\n'.length;

const MessageStart = z.object({ message: z.object({ usage: z.unknown() }) });
const MessageDelta = z.object({ usage: z.unknown() });

/**
 * Reads the events of a Messages API stream that matter to the gateway (`message_start`, `message_delta`, `message_stop`,
 * `error`), found by native byte search. Content is never decoded. Works for every way of cutting the stream into chunks,
 * LF and CRLF, and `data` on several lines.
 */
export function createEventReader(): EventReader {
  let usage = NO_USAGE;
  let isComplete = false;
  let hasErrorEvent = false;
  /** The beginning of an event whose end has not arrived, when it may be of interest. */
  let begun: Buffer | undefined;
  /** In the middle of an event that is of no interest: only its end matters. */
  let isSkipping = false;
  /** The last bytes seen, enough to find an event's end across chunks. */
  let tail: Buffer = Buffer.alloc(0);

  const take = (name: string, data: string): void => {
    if (name === 'message_stop') isComplete = true;
    else if (name === 'error') hasErrorEvent = true;
    else if (name === 'message_start') {
      const parsed = MessageStart.safeParse(parseJson(data));
      if (parsed.success) usage = updatedUsage(NO_USAGE, parsed.data.message.usage);
    } else if (name === 'message_delta') {
      const parsed = MessageDelta.safeParse(parseJson(data));
      if (parsed.success) usage = updatedUsage(usage, parsed.data.usage);
    }
  };

  /** Whole events of interest in `bytes`, which begins at an event's first byte. */
  const scan = (bytes: Buffer): void => {
    for (const mark of MARKS) {
      for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at + mark.length)) {
        const start = eventStart(bytes, at);
        if (start === -1) continue;
        const { name, data } = fieldsOf(bytes.toString('utf8', start, eventEnd(bytes, start)));
        take(name, data);
      }
    }
  };

  const readFromBoundary = (bytes: Buffer): void => {
    const end = lastBoundary(bytes);
    if (end > 0) scan(end === bytes.length ? bytes : bytes.subarray(0, end));
    const rest = end === bytes.length ? undefined : bytes.subarray(end);
    begun = rest && mayMatter(rest) && rest.length <= MAX_EVENT_BYTES ? Buffer.from(rest) : undefined;
    isSkipping = rest !== undefined && begun === undefined;
    tail = Buffer.from(bytes.subarray(-3));
  };

  return {
    read(chunk) {
      if (begun) {
        readFromBoundary(Buffer.concat([begun, chunk]));
        return;
      }
      if (!isSkipping) {
        readFromBoundary(chunk);
        return;
      }
      const joined = tail.length > 0 ? Buffer.concat([tail, chunk]) : chunk;
      const end = firstBoundary(joined);
      if (end === -1) {
        tail = Buffer.from(joined.subarray(-3));
        return;
      }
      isSkipping = false;
      readFromBoundary(joined.subarray(end));
      if (end === joined.length) tail = Buffer.from(joined.subarray(-3));
    },
    get usage() {
      return usage;
    },
    get isComplete() {
      return isComplete;
    },
    get hasErrorEvent() {
      return hasErrorEvent;
    },
    get isAtBoundary() {
      return !isSkipping && begun === undefined;
    },
  };
}

/** An event ends at an empty line: two line ends in a row, LF or CRLF. */
function lastBoundary(bytes: Buffer): number {
  const lf = bytes.lastIndexOf('\n\n');
  if (lf !== -1 && lf + 2 === bytes.length) return lf + 2;
  const crlf = bytes.lastIndexOf('\n\r\n');
  return Math.max(lf === -1 ? 0 : lf + 2, crlf === -1 ? 0 : crlf + 3);
}

function firstBoundary(bytes: Buffer): number {
  const lf = bytes.indexOf('\n\n');
  const crlf = bytes.indexOf('\n\r\n');
  if (lf === -1) return crlf === -1 ? -1 : crlf + 3;
  return crlf === -1 || lf < crlf ? lf + 2 : crlf + 3;
}

function eventEnd(bytes: Buffer, start: number): number {
  const end = firstBoundary(bytes.subarray(start));
  return end === -1 ? bytes.length : start + end;
}

/** The start of the line that this mark ends as `event: <mark…>`, or -1: the mark stands inside content. */
function eventStart(bytes: Buffer, mark: number): number {
  const space = bytes[mark - 1] === 0x20 ? 1 : 0;
  const start = mark - space - 6;
  if (start < 0 || bytes.toString('latin1', start, start + 6) !== 'event:') return -1;
  return start === 0 || bytes[start - 1] === 0x0a ? start : -1;
}

/** Whether the beginning of an event can still turn out to be of interest. */
function mayMatter(begun: Buffer): boolean {
  const head = begun.toString('latin1', 0, LONGEST_HEAD);
  const name = /^event: ?(.*?)(\r?\n|$)/s.exec(head);
  if (!name) return 'event: '.startsWith(head) || !head.startsWith('event:');
  if (name[2] !== '') return name[1] === 'error' || (name[1]?.startsWith('message_') ?? false);
  return 'error'.startsWith(name[1] ?? '') || 'message_'.startsWith((name[1] ?? '').slice(0, 8));
}

function fieldsOf(text: string): { readonly name: string; readonly data: string } {
  let name = '';
  const data: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    const value = line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
    if (line.startsWith('event:')) name = value;
    else if (line.startsWith('data:')) data.push(value);
  }
  return { name, data: data.join('\n') };
}

/** Malformed data is no usage; the meter never breaks the relay. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
