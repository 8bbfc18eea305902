import { z } from 'zod';
import type { Usage } from '../exchange.ts';
import { skipKey, skipString, skipValue, skipWhitespace } from '../http/json-syntax.ts';

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

/** The `usage` of a whole message, found without decoding the rest. */
export function usageOfMessage(bytes: Buffer): Usage {
  let at = skipWhitespace(bytes, 0);
  if (bytes[at] !== 0x7b) return NO_USAGE;
  at = skipWhitespace(bytes, at + 1);
  while (at < bytes.length) {
    const keyEnd = skipString(bytes, at);
    const valueStart = skipKey(bytes, at);
    const valueEnd = valueStart < 0 ? -1 : skipValue(bytes, valueStart, 1);
    if (valueEnd < 0) return NO_USAGE;
    if (bytes.toString('latin1', at + 1, keyEnd - 1) === 'usage') {
      return updatedUsage(NO_USAGE, JSON.parse(bytes.toString('utf8', valueStart, valueEnd)));
    }
    at = skipWhitespace(bytes, valueEnd);
    if (bytes[at] !== 0x2c) return NO_USAGE;
    at = skipWhitespace(bytes, at + 1);
  }
  return NO_USAGE;
}
