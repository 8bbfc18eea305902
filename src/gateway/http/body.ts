import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createZstdDecompress, type Zlib } from 'node:zlib';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Accepted } from '../exchange.ts';

export interface BodyLimits {
  /** Bounds the body as sent and as inflated. */
  readonly maxBytes: number;
  /** Longest silence while the body arrives. */
  readonly idleTimeoutMs?: number;
}

type Inflater = Transform & Zlib;

const inflaters: Readonly<Record<string, () => Inflater>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/**
 * Reads a request body whole, inflating gzip, br and zstd as it arrives. Throws `request_too_large` before reading when
 * Content-Length says so and as soon as the limit is passed, `unsupported_encoding`, `request_timeout`, `client_left`.
 */
export function createBodyReader({
  maxBytes,
  idleTimeoutMs = 30_000,
}: BodyLimits): (request: Accepted) => Promise<Buffer> {
  return async (request) => {
    const tooLarge = () => new CodedError('request_too_large', { facts: { maxBytes } });
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
    const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
    const createInflater = encoding === 'identity' || encoding === '' ? undefined : inflaters[encoding];
    if (!createInflater && encoding !== 'identity' && encoding !== '')
      throw new CodedError('unsupported_encoding');
    // Nothing more would be heard of a client that has left already.
    if (request.message.destroyed) throw new CodedError('client_left');
    request.startBody();
    const source = arriving(request, idleTimeoutMs);
    return createInflater
      ? inflate(source, createInflater(), maxBytes, tooLarge)
      : collect(source, maxBytes, tooLarge);
  };
}

interface Arriving {
  onChunk(listener: (chunk: Buffer) => void): void;
  onEnd(listener: () => void): void;
  onError(listener: (error: Error) => void): void;
  pause(): void;
  resume(): void;
  /** Lets the rest of the body run into nothing, so that the answer can still reach a client that is sending. */
  discard(): void;
}

/** The body's chunks, with silence and hang-up turned into errors. */
function arriving({ message }: Accepted, idleTimeoutMs: number): Arriving {
  let fail: (error: Error) => void = () => undefined;
  const idle = setTimeout(() => fail(new CodedError('request_timeout')), idleTimeoutMs);
  const left = () => fail(new CodedError('client_left'));
  const settle = () => {
    clearTimeout(idle);
    message.off('close', left);
    message.off('error', left);
  };
  message.on('close', left);
  message.on('error', left);
  message.once('end', settle);
  return {
    onChunk: (listener) => {
      message.on('data', (chunk: Buffer) => {
        idle.refresh();
        listener(chunk);
      });
    },
    onEnd: (listener) => message.once('end', listener),
    onError: (listener) => {
      fail = listener;
    },
    pause: () => message.pause(),
    resume: () => message.resume(),
    discard: () => {
      settle();
      message.on('error', () => undefined);
      message.removeAllListeners('data');
      message.resume();
    },
  };
}

function collect(source: Arriving, maxBytes: number, tooLarge: () => Error): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (error: Error): void => {
      source.discard();
      reject(error);
    };
    source.onError(stop);
    source.onChunk((chunk) => {
      size += chunk.length;
      if (size > maxBytes) return stop(tooLarge());
      chunks.push(chunk);
    });
    source.onEnd(() => resolve(joined(chunks, size)));
  });
}

function inflate(
  source: Arriving,
  inflater: Inflater,
  maxBytes: number,
  tooLarge: () => Error,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sent = 0;
    let size = 0;
    const stop = (error: Error): void => {
      source.discard();
      inflater.destroy();
      reject(error);
    };
    source.onError(stop);
    source.onChunk((chunk) => {
      sent += chunk.length;
      if (sent > maxBytes) return stop(tooLarge());
      if (!inflater.write(chunk)) {
        source.pause();
        inflater.once('drain', () => source.resume());
      }
    });
    source.onEnd(() => inflater.end());
    inflater.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) return stop(tooLarge());
      chunks.push(chunk);
    });
    inflater.once('end', () => {
      // Brotli and zstd stop reading where their data ends, whatever follows.
      if (inflater.bytesWritten < sent) stop(undecodable());
      else resolve(joined(chunks, size));
    });
    inflater.once('error', (cause) => stop(undecodable(cause)));
  });
}

function undecodable(cause?: unknown): CodedError {
  return new CodedError('bad_request', {
    facts: { sentence: 'the request body cannot be decompressed' },
    cause,
  });
}

function joined(chunks: readonly Buffer[], size: number): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only ? only : Buffer.concat(chunks, size);
}
