/** Parts a stream of server-sent events where an `error` event begins. */
export interface ErrorEventFinder {
  /** What goes on at once. A few bytes that may become an `error` event wait for those after them. */
  read(chunk: Buffer): Parted;
  /** What was waiting, when nothing more comes. */
  end(): Parted;
}

export interface Parted {
  readonly passed: Buffer;
  /** The `error` event, once all of it is here, with whatever came after it. */
  readonly error: Buffer | undefined;
}

const LF = 0x0a;
const SMALL_D = 0x64;
const SMALL_E = 0x65;
const NOTHING = Buffer.alloc(0);

/** By name, or where it has none by its first member; some platforms leave out `type`. */
const ERROR_LINE = /^(?:event: ?error\r?\n|data: ?\{\s*(?:"type"\s*:\s*"error"|"error"\s*:))/;
/** A line that begins with so many other bytes is none of these. */
const LONGEST_BEGINNING = 48;
const EVENT_END = /\n\r?\n/;
/** An error is a sentence or two. */
const MOST_BYTES = 64 * 1024;

/** Looks at how lines begin, which native byte search finds; works for every way of cutting the stream into chunks. */
export function createErrorEventFinder(): ErrorEventFinder {
  /** The beginning of a line that may become that of an error. */
  let undecided = NOTHING;
  let isMidLine = false;
  let error: Buffer | undefined;

  const collect = (bytes: Buffer): Buffer | undefined => {
    error = error ? Buffer.concat([error, bytes]) : Buffer.from(bytes);
    return error.length > MOST_BYTES || EVENT_END.test(error.toString('latin1')) ? error : undefined;
  };

  return {
    read(chunk) {
      if (error) return { passed: NOTHING, error: collect(chunk) };
      const bytes = undecided.length > 0 ? Buffer.concat([undecided, chunk]) : chunk;
      undecided = NOTHING;
      let at = 0;
      while (at < bytes.length) {
        const end = bytes.indexOf(LF, at) + 1;
        const beginning = isMidLine ? '' : beginningOf(bytes, at, end || bytes.length);
        if (ERROR_LINE.test(beginning))
          return { passed: bytes.subarray(0, at), error: collect(bytes.subarray(at)) };
        isMidLine = end === 0;
        if (isMidLine && beginning !== '' && beginning.length < LONGEST_BEGINNING) {
          // A copy: a few bytes must not keep the whole chunk alive while the stream is silent.
          undecided = Buffer.from(bytes.subarray(at));
          isMidLine = false;
          return { passed: bytes.subarray(0, at), error: undefined };
        }
        if (isMidLine) break;
        at = end;
      }
      return { passed: bytes, error: undefined };
    },
    end: () => ({ passed: undecided, error }),
  };
}

/** Only of lines that may be an error's: `event` and `data` ones. */
function beginningOf(bytes: Buffer, start: number, end: number): string {
  const first = bytes[start];
  if (first !== SMALL_E && first !== SMALL_D) return '';
  return bytes.toString('latin1', start, Math.min(end, start + LONGEST_BEGINNING));
}
