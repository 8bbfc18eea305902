import { CodedError, isCodedError } from '../../../kernel/coded-error.ts';
import type { OtlpSignal } from '../../../kernel/protocol.ts';
import type { Accepted, BodyRoom, Caller, Reply } from '../../exchange.ts';
import type { OtlpBody, OtlpMediaType } from './otlp-body.ts';

export interface TelemetryEndpointParts {
  /** Reads a body whole; what its headers call its encoding is undone. */
  readonly readBody: (request: Accepted, room: BodyRoom) => Promise<Buffer>;
  /** Room for one body of this session, until it is closed. */
  readonly openRoom: (session: string, request: Pick<Accepted, 'onGone'>) => BodyRoom & { close(): void };
  /** Takes a body to wherever it is to go. Never throws, never waits. */
  readonly take: (body: OtlpBody) => void;
}

export type TelemetryHandler = (request: Accepted, reply: Reply, caller: Caller) => Promise<void>;

const RETRY_AFTER_SECONDS = 5;
const EMPTY = new Uint8Array(0);

/**
 * `POST /v1/metrics`, `/v1/logs` and `/v1/traces` of OTLP/HTTP. Whatever becomes of a body, the client gets an empty export
 * response in the encoding it used, as soon as the body is here. Throws `unsupported_media_type`, `unsupported_encoding`,
 * `request_too_large`, and `rate_limited` (which exporters try again after) where there is no room.
 */
export function createTelemetryEndpoint({
  readBody,
  openRoom,
  take,
}: TelemetryEndpointParts): (signal: OtlpSignal) => TelemetryHandler {
  const read = async (request: Accepted, { sid }: Caller): Promise<Buffer> => {
    const room = openRoom(sid, request);
    try {
      return await readBody(asItCame(request), room);
    } catch (error) {
      throw isCodedError(error, 'overloaded') ? noRoom(error) : error;
    } finally {
      room.close();
    }
  };

  return (signal) => async (request, reply, caller) => {
    const mediaType = mediaTypeOf(request.headers['content-type']);
    const isGzip = isGzipped(request.headers['content-encoding']);
    const bytes = await read(request, caller);
    take({ signal, mediaType, isGzip, bytes: bytesAlone(bytes) });
    if (mediaType === 'application/json') reply.json(200, {});
    else reply.send(200, { 'content-type': mediaType }, EMPTY);
  };
}

function mediaTypeOf(header: string | undefined): OtlpMediaType {
  const type = header?.split(';')[0]?.trim().toLowerCase();
  if (type === 'application/x-protobuf' || type === 'application/json') return type;
  throw new CodedError('unsupported_media_type');
}

function isGzipped(header = ''): boolean {
  const encoding = header.trim().toLowerCase();
  if (encoding === 'gzip') return true;
  if (encoding === '' || encoding === 'identity') return false;
  throw new CodedError('unsupported_encoding', {
    facts: { sentence: 'content-encoding must be identity or gzip' },
  });
}

/** For a reader that would inflate: the bytes go on as they are. */
function asItCame(request: Accepted): Accepted {
  return { ...request, headers: { ...request.headers, 'content-encoding': 'identity' } };
}

/** A small body may be part of a larger piece of memory, which would be kept as long as it. */
function bytesAlone(bytes: Buffer): Buffer {
  return bytes.buffer.byteLength <= 2 * bytes.length ? bytes : Buffer.from(new Uint8Array(bytes).buffer);
}

function noRoom(cause: unknown): CodedError {
  const sentence = 'the gateway holds as many bytes of telemetry as it may; try again';
  return new CodedError('rate_limited', {
    facts: { sentence, retryAfterSeconds: RETRY_AFTER_SECONDS },
    cause,
  });
}
