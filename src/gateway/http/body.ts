import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createZstdDecompress, type Zlib } from 'node:zlib';
import { CodedError } from '../../kernel/coded-error.ts';
import { joinBytes } from '../../kernel/join-bytes.ts';
import type { Accepted, BodyRoom } from '../exchange.ts';

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

/** Takes a body whose size nobody has announced at first. */
const FIRST_ROOM_BYTES = 64 * 1024;
const UNBOUNDED: BodyRoom = { bytes: () => Number.POSITIVE_INFINITY, resize: () => undefined };

/**
 * Reads a request body whole, inflating gzip, br and zstd as it arrives, into a room that is never smaller than what is
 * here. Throws `request_too_large` before reading when Content-Length says so and as soon as the limit is passed,
 * `unsupported_encoding`, `request_timeout`, `client_left`, and what the room throws.
 */
export function createBodyReader({
  maxBytes,
  idleTimeoutMs = 30_000,
}: BodyLimits): (request: Accepted, room?: BodyRoom) => Promise<Buffer> {
  return async (request, room = UNBOUNDED) => {
    const tooLarge = () => new CodedError('request_too_large', { facts: { maxBytes } });
    const announced = request.headers['content-length'];
    if (Number(announced ?? 0) > maxBytes) throw tooLarge();
    const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
    const createInflater = encoding === 'identity' || encoding === '' ? undefined : inflaters[encoding];
    if (!createInflater && encoding !== 'identity' && encoding !== '')
      throw new CodedError('unsupported_encoding');
    // Nothing more would be heard of a client that has left already.
    if (request.message.destroyed) throw new CodedError('client_left');
    const hasExactSize = !createInflater && request.headers['transfer-encoding'] === undefined;
    const turn = room.resize(hasExactSize ? Number(announced ?? 0) : Math.min(FIRST_ROOM_BYTES, maxBytes));
    if (turn) {
      await turn;
      if (request.message.destroyed) throw new CodedError('client_left');
    }
    request.startBody();
    const source = arriving(request, idleTimeoutMs);
    const growth = { room, maxBytes, tooLarge };
    return createInflater ? inflate(source, createInflater(), growth) : collect(source, growth);
  };
}

interface Growth {
  readonly room: BodyRoom;
  readonly maxBytes: number;
  readonly tooLarge: () => Error;
}

interface Flow {
  pause(): void;
  resume(): void;
  stop(error: Error): void;
}

/** A chunk takes some 200 bytes besides its own: those below this share a block, or a body of single bytes would take hundreds of times its size. */
const SMALL_CHUNK_BYTES = 1024;
const BLOCK_BYTES = 8 * 1024;

/** Keeps chunks in order; the first as it is, however small. */
function createPieces() {
  const pieces: Buffer[] = [];
  let block: Buffer | undefined;
  let blockBytes = 0;

  const closeBlock = (): void => {
    if (block) pieces.push(block.subarray(0, blockBytes));
    block = undefined;
  };

  return {
    add(chunk: Buffer): void {
      const isOwnPiece = chunk.length >= SMALL_CHUNK_BYTES || pieces.length === 0;
      if (isOwnPiece || blockBytes + chunk.length > BLOCK_BYTES) closeBlock();
      if (isOwnPiece) {
        pieces.push(chunk);
        return;
      }
      if (!block) {
        block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
        blockBytes = 0;
      }
      blockBytes += chunk.copy(block, blockBytes);
    },
    joined(size: number): Buffer {
      closeBlock();
      return joinBytes(pieces, size);
    },
  };
}

/** Gathers chunks. A room that is full is doubled, or where that is too much made to fit; while that takes, the flow stands still. */
function gathering({ room, maxBytes, tooLarge }: Growth, flow: Flow) {
  const pieces = createPieces();
  let size = 0;
  let isGrowing = false;

  const grow = (): void => {
    if (isGrowing || size <= room.bytes()) return;
    const turn = room.resize(size, Math.min(Math.max(room.bytes() * 2, size), maxBytes));
    if (!turn) return;
    isGrowing = true;
    flow.pause();
    turn.then(() => {
      isGrowing = false;
      grow();
      if (!isGrowing) flow.resume();
    }, flow.stop);
  };

  return {
    add(chunk: Buffer): void {
      size += chunk.length;
      if (size > maxBytes) return flow.stop(tooLarge());
      pieces.add(chunk);
      grow();
    },
    whole(): Buffer {
      if (room.bytes() > size) room.resize(size);
      return pieces.joined(size);
    },
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
  /** Leaves nothing behind: the message lives as long as the answer, and must not keep the body alive. */
  const settle = () => {
    clearTimeout(idle);
    message.off('close', left);
    message.off('error', left);
    message.removeAllListeners('data');
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
      message.resume();
    },
  };
}

function collect(source: Arriving, growth: Growth): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stop = (error: Error): void => {
      source.discard();
      reject(error);
    };
    const { pause, resume } = source;
    const gathered = gathering(growth, { pause, resume, stop });
    source.onError(stop);
    source.onChunk(gathered.add);
    source.onEnd(() => resolve(gathered.whole()));
  });
}

function inflate(source: Arriving, inflater: Inflater, growth: Growth): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    const stop = (error: Error): void => {
      source.discard();
      inflater.destroy();
      reject(error);
    };
    const gathered = gathering(growth, {
      pause: () => inflater.pause(),
      resume: () => inflater.resume(),
      stop,
    });
    source.onError(stop);
    source.onChunk((chunk) => {
      sent += chunk.length;
      if (sent > growth.maxBytes) return stop(growth.tooLarge());
      if (!inflater.write(chunk)) {
        source.pause();
        inflater.once('drain', () => source.resume());
      }
    });
    source.onEnd(() => inflater.end());
    inflater.on('data', gathered.add);
    inflater.once('end', () => {
      // Brotli and zstd stop reading where their data ends, whatever follows.
      if (inflater.bytesWritten < sent) stop(undecodable());
      else resolve(gathered.whole());
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
