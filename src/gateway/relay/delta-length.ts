const BEFORE_INDEX = Buffer.byteLength('{"type":"content_block_delta","index":');
const BEFORE_DELTA_TYPE = Buffer.byteLength(',"delta":{"type":"');
const ENVELOPE = Buffer.byteLength(
  '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}',
);
const LONGEST_INDEX = 6;
const SMALL_S = 0x73;

/**
 * How many characters of text a `content_block_delta` carries, from the length of its data alone: escapes and characters
 * of several bytes count for more, unusual spelling of the envelope for a little. Signatures are not text.
 */
export function lengthOfDelta(bytes: Buffer, start: number, length: number): number {
  let at = start + BEFORE_INDEX;
  while (isDigit(bytes[at]) && at < start + BEFORE_INDEX + LONGEST_INDEX) at += 1;
  if (bytes[at + BEFORE_DELTA_TYPE] === SMALL_S) return 0;
  return Math.max(0, length - ENVELOPE);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
