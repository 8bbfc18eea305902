const BYTES = 6;
const STRING = 7;
/** Bytes of a header's value by its type; those of bytes and strings come after their length. */
const VALUE_BYTES: Readonly<Record<number, number>> = { 0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16 };

/**
 * The headers of a frame that are text, by name: for each a length of one byte, the name, the value's type and the value.
 * Throws when they are cut off or of a type that does not exist.
 */
export function frameHeaders(bytes: Buffer, start: number, end: number): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  let at = start;
  while (at < end) {
    const nameStart = at + 1;
    const nameEnd = nameStart + (bytes[at] ?? 0);
    const type = bytes[nameEnd] ?? -1;
    let valueStart = nameEnd + 1;
    let length = VALUE_BYTES[type];
    if (type === BYTES || type === STRING) {
      valueStart += 2;
      if (valueStart > end) throw unreadable();
      length = bytes.readUInt16BE(nameEnd + 1);
    }
    if (length === undefined || valueStart + length > end) throw unreadable();
    if (type === STRING)
      headers.set(
        bytes.toString('utf8', nameStart, nameEnd),
        bytes.toString('utf8', valueStart, valueStart + length),
      );
    at = valueStart + length;
  }
  return headers;
}

function unreadable(): Error {
  return new Error('a frame of its stream has headers that cannot be read');
}
