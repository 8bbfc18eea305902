import { z } from 'zod';
import { CodedError, isCodedError } from '../kernel/coded-error.ts';
import { printable } from './printable.ts';
import { readEvents } from './server-sent-events.ts';

/** What is known about an answer once it has ended. */
export interface MessageSummary {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly stopReason: string | undefined;
}

const count = z.number().nullish();
const usage = z
  .object({
    input_tokens: count,
    output_tokens: count,
    cache_creation_input_tokens: count,
    cache_read_input_tokens: count,
  })
  .partial();

const events = z.discriminatedUnion('type', [
  z.object({ type: z.literal('message_start'), message: z.object({ usage: usage.optional() }) }),
  z.object({
    type: z.literal('content_block_delta'),
    delta: z.object({ type: z.string(), text: z.string().optional() }),
  }),
  z.object({
    type: z.literal('message_delta'),
    delta: z.object({ stop_reason: z.string().nullish() }).optional(),
    usage: usage.optional(),
  }),
  z.object({ type: z.literal('message_stop') }),
  z.object({ type: z.literal('error'), error: z.object({ type: z.string(), message: z.string() }) }),
]);

/**
 * Reads a streamed Messages API answer, handing each piece of text on before the next is read. Token counts are
 * cumulative: the last one stands. Throws `upstreams_failed` or `overloaded` when the stream says so or ends early.
 */
export async function readMessageStream(
  body: AsyncIterable<Uint8Array>,
  onText: (text: string) => Promise<void>,
): Promise<MessageSummary> {
  const counts: Record<string, number> = {};
  let stopReason: string | undefined;
  try {
    for await (const { data } of readEvents(body)) {
      const event = parse(data);
      if (!event) continue;
      if (event.type === 'error') throw broken(event.error);
      if (event.type === 'message_start') Object.assign(counts, numbers(event.message.usage));
      if (event.type === 'content_block_delta' && event.delta.text) await onText(event.delta.text);
      if (event.type === 'message_delta') {
        Object.assign(counts, numbers(event.usage));
        stopReason = event.delta?.stop_reason ?? stopReason;
      }
      if (event.type === 'message_stop') return summary(counts, stopReason);
    }
  } catch (cause) {
    if (isCodedError(cause)) throw cause;
    throw new CodedError('upstreams_failed', { detail: BROKE_OFF, cause });
  }
  throw new CodedError('upstreams_failed', { detail: BROKE_OFF });
}

const BROKE_OFF = 'The answer broke off before its end';

function parse(data: string): z.infer<typeof events> | undefined {
  try {
    const parsed = events.safeParse(JSON.parse(data));
    return parsed.success ? parsed.data : undefined;
  } catch {
    // Events this program does not know may hold anything.
    return undefined;
  }
}

function numbers(found: z.infer<typeof usage> | undefined): Record<string, number> {
  return Object.fromEntries(
    Object.entries(found ?? {}).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );
}

/** Cached input is input as well: the three counts exclude one another. */
function summary(counts: Record<string, number>, stopReason: string | undefined): MessageSummary {
  const of = (name: string) => counts[name] ?? 0;
  return {
    inputTokens: of('input_tokens') + of('cache_creation_input_tokens') + of('cache_read_input_tokens'),
    outputTokens: of('output_tokens'),
    stopReason,
  };
}

function broken({ type, message }: { type: string; message: string }): CodedError {
  const code = type === 'overloaded_error' ? 'overloaded' : 'upstreams_failed';
  return new CodedError(code, { facts: { message: printable(message) } });
}
