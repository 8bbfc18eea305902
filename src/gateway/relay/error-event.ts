import { z } from 'zod';

const Envelope = z.object({
  type: z.literal('error'),
  error: z.object({ type: z.string().max(100), message: z.string() }),
});

const GENERIC = { type: 'api_error', message: 'the upstream refused after the answer had begun' } as const;

/** An error in the middle of a streamed answer, in the words of the Messages API. */
export function errorEvent(envelope: unknown): Buffer {
  return Buffer.from(`event: error\ndata: ${JSON.stringify(envelope)}\n\n`);
}

/** The event for an upstream's error answer that came too late to be an answer of its own. */
export function errorEventOf(body: Buffer, requestId: string): Buffer {
  const parsed = Envelope.safeParse(parseJson(body));
  const error = parsed.success ? parsed.data.error : GENERIC;
  return errorEvent({ type: 'error', error, request_id: requestId });
}

export function brokenOffEvent(requestId: string): Buffer {
  const error = { type: 'api_error', message: 'the upstream broke off in the middle of its answer' };
  return errorEvent({ type: 'error', error, request_id: requestId });
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
