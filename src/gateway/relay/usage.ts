import { z } from 'zod';
import type { Usage } from '../exchange.ts';
import { skipKey, skipValue, skipWhitespace } from '../http/json-syntax.ts';

const count = z.number().int().nonnegative().nullish().catch(undefined);

/** The usage object of messages and of `message_delta` events; unknown fields and odd values are passed over. */
const UsageShape = z.object({
  input_tokens: count,
  output_tokens: count,
  cache_read_input_tokens: count,
  cache_creation_input_tokens: count,
});

export const NO_USAGE: Usage = {
  inputTokens: undefined,
  outputTokens: undefined,
  cacheReadTokens: undefined,
  cacheWriteTokens: undefined,
};

/** Counts are cumulative: each field that is a number replaces the one before (never adds to it). */
export function updatedUsage(before: Usage, reported: unknown): Usage {
  const parsed = UsageShape.safeParse(reported);
  if (!parsed.success) return before;
  const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens } = parsed.data;
  return {
    inputTokens: input_tokens ?? before.inputTokens,
    outputTokens: output_tokens ?? before.outputTokens,
    cacheReadTokens: cache_read_input_tokens ?? before.cacheReadTokens,
    cacheWriteTokens: cache_creation_input_tokens ?? before.cacheWriteTokens,
  };
}

/** Inside a string a quote has a backslash before it: these bytes are always a string of their own. */
const USAGE_KEY = Buffer.from('"usage"');
const COMMA = 0x2c;
const CLOSE_BRACE = 0x7d;

/**
 * The top-level `usage` of a whole message, sought from the end, where it stands, without decoding the rest. No usage when
 * there is none or the message is malformed.
 */
export function usageOfMessage(bytes: Buffer): Usage {
  for (let key = bytes.lastIndexOf(USAGE_KEY); key > 0; key = bytes.lastIndexOf(USAGE_KEY, key - 1)) {
    const start = skipKey(bytes, key);
    const end = start < 0 ? -1 : skipValue(bytes, start, 1);
    if (end > 0 && isMemberOfRoot(bytes, end))
      return updatedUsage(NO_USAGE, JSON.parse(bytes.toString('utf8', start, end)));
  }
  return NO_USAGE;
}

/** Whether the object that goes on here, after a member's value, is the outermost: nothing follows its end. */
function isMemberOfRoot(bytes: Buffer, afterValue: number): boolean {
  let at = skipWhitespace(bytes, afterValue);
  while (bytes[at] === COMMA) {
    const start = skipKey(bytes, skipWhitespace(bytes, at + 1));
    const end = start < 0 ? -1 : skipValue(bytes, start, 1);
    if (end < 0) return false;
    at = skipWhitespace(bytes, end);
  }
  return bytes[at] === CLOSE_BRACE && skipWhitespace(bytes, at + 1) === bytes.length;
}
