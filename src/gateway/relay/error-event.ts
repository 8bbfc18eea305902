import { z } from 'zod';

const Envelope = z.object({
  type: z.literal('error'),
  error: z.object({ type: z.string().max(100), message: z.string() }),
});

/** An error in the middle of a streamed answer, in the words of the Messages API. */
export function errorEvent(envelope: unknown): Buffer {
  return Buffer.from(`event: error\ndata: ${JSON.stringify(envelope)}\n\n`);
}

/**
 * The event for an answer that makes sense only as a whole and came after the head of a stream was out: the upstream whose
 * head that was broke off before its first byte. An error in the Messages API's envelope keeps its words.
 */
export function lateAnswerEvent(status: number, body: Buffer, requestId: string): Buffer {
  const parsed = Envelope.safeParse(parseJson(body));
  const message = `no upstream streamed an answer: the first broke off before a word of it, the next answered ${status} instead; send the request again`;
  const error = parsed.success ? parsed.data.error : { type: 'api_error', message };
  return errorEvent({ type: 'error', error, request_id: requestId });
}

export function brokenOffEvent(requestId: string): Buffer {
  const message =
    'the answer above is incomplete: the upstream broke off in the middle of it; send the request again';
  const error = { type: 'api_error', message };
  return errorEvent({ type: 'error', error, request_id: requestId });
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
