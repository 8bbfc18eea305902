import { EventStreamCodec } from '@smithy/eventstream-codec';

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString(),
  (text) => Buffer.from(text),
);

/** A frame as the vendor's own codec makes it. */
export function frame(headers: Readonly<Record<string, string>>, payload: string | Buffer): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const named = Object.entries(headers).map(([name, value]) => [name, { type: 'string' as const, value }]);
  return Buffer.from(codec.encode({ headers: Object.fromEntries(named), body }));
}

/** The payload of a `chunk` frame: JSON in base64, and padding of some length that means nothing. */
export function chunkPayload(json: string, padding = 'abcdefghij'): string {
  return JSON.stringify({ bytes: Buffer.from(json).toString('base64'), p: padding });
}

export function chunkFrame(json: string, padding?: string): Buffer {
  return frame(
    { ':event-type': 'chunk', ':content-type': 'application/json', ':message-type': 'event' },
    chunkPayload(json, padding),
  );
}

export function exceptionFrame(exception: string, members: Readonly<Record<string, unknown>>): Buffer {
  return frame(
    { ':exception-type': exception, ':content-type': 'application/json', ':message-type': 'exception' },
    JSON.stringify(members),
  );
}

/** The frames of an answer, with the figures that the last one carries. */
export function framesOf(events: readonly Readonly<Record<string, unknown>>[]): Buffer[] {
  return events.map((event) =>
    chunkFrame(
      JSON.stringify(
        event.type === 'message_stop'
          ? {
              ...event,
              'amazon-bedrock-invocationMetrics': {
                inputTokenCount: 12,
                outputTokenCount: 3,
                invocationLatency: 812,
                firstByteLatency: 301,
              },
            }
          : event,
      ),
    ),
  );
}
