import { crc32 } from 'node:zlib';
import { joinBytes } from '../../../../kernel/join-bytes.ts';

/** A whole frame whose checksums are right. Offsets are into `bytes`; the payload begins where the headers end. */
export type TakeFrame = (bytes: Buffer, headers: number, payload: number, payloadEnd: number) => void;

export interface FrameSplitter {
  /**
   * Hands on each frame that is whole now; what is left waits for more. Throws when these bytes are no frames: nothing that
   * follows them can be read then. Also throws what `take` throws.
   */
  read(chunk: Buffer): void;
  /** The bytes so far end in the middle of a frame. */
  isMidFrame(): boolean;
}

/** Total length, length of the headers, and a checksum of both. */
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
const OVERHEAD_BYTES = PRELUDE_BYTES + CHECKSUM_BYTES;
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const MAX_HEADERS_BYTES = 128 * 1024;

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1)
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder;
});

/** Cuts an AWS event stream (`application/vnd.amazon.eventstream`) into its frames, however it is cut into chunks. */
export function createFrameSplitter(take: TakeFrame): FrameSplitter {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  /** As many bytes have to be here before there is anything to do. */
  let neededBytes = PRELUDE_BYTES;

  const joined = (): Buffer => {
    const bytes = joinBytes(waiting, waitingBytes);
    waiting = [];
    waitingBytes = 0;
    return bytes;
  };

  const keep = (bytes: Buffer): void => {
    waiting.push(bytes);
    waitingBytes += bytes.length;
  };

  return {
    read(chunk) {
      let bytes = chunk;
      if (waitingBytes > 0) {
        keep(chunk);
        if (waitingBytes < neededBytes) return;
        bytes = joined();
      }
      let at = 0;
      neededBytes = PRELUDE_BYTES;
      while (bytes.length - at >= PRELUDE_BYTES) {
        const preludeChecksum = checkedPrelude(bytes, at);
        const total = bytes.readUInt32BE(at);
        if (bytes.length - at < total) {
          neededBytes = total;
          break;
        }
        checkFrame(bytes, at, total, preludeChecksum);
        const headers = at + PRELUDE_BYTES;
        const end = at + total;
        take(bytes, headers, headers + bytes.readUInt32BE(at + 4), end - CHECKSUM_BYTES);
        at = end;
      }
      // A copy: a few bytes must not keep the whole chunk alive while the stream is silent.
      if (at < bytes.length) keep(Buffer.from(bytes.subarray(at)));
    },
    isMidFrame: () => waitingBytes > 0,
  };
}

/** The prelude's checksum, once it has been found right and its lengths possible. */
function checkedPrelude(bytes: Buffer, at: number): number {
  let remainder = -1;
  for (let i = at; i < at + 8; i += 1)
    remainder = (CRC_TABLE[(remainder ^ (bytes[i] ?? 0)) & 0xff] ?? 0) ^ (remainder >>> 8);
  const checksum = ~remainder >>> 0;
  if (bytes.readUInt32BE(at + 8) !== checksum) throw new Error('a frame of its stream has a wrong checksum');
  const total = bytes.readUInt32BE(at);
  const headers = bytes.readUInt32BE(at + 4);
  if (total > MAX_FRAME_BYTES || headers > MAX_HEADERS_BYTES)
    throw new Error(`a frame of its stream announces ${total} bytes, ${headers} of them headers`);
  if (total < OVERHEAD_BYTES + headers)
    throw new Error('a frame of its stream announces more headers than bytes');
  return checksum;
}

/** CRC-32 over all but itself; what the prelude's covers need not be read again. */
function checkFrame(bytes: Buffer, at: number, total: number, preludeChecksum: number): void {
  const end = at + total - CHECKSUM_BYTES;
  if (bytes.readUInt32BE(end) !== crc32(bytes.subarray(at + 8, end), preludeChecksum))
    throw new Error('a frame of its stream has a wrong checksum');
}
