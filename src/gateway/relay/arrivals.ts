import { joinBytes } from '../../kernel/join-bytes.ts';

/** Bytes on their way through. */
export interface Arrivals {
  add(bytes: Buffer): void;
  /** Hands on at once what has not been yet. */
  flush(): void;
}

/** Hands on in one piece what arrives in one go, within the same turn of the event loop. */
export function createArrivals(take: (bytes: Buffer) => void): Arrivals {
  let chunks: Buffer[] = [];
  let size = 0;

  const flush = (): void => {
    if (size === 0) return;
    const bytes = joinBytes(chunks, size);
    chunks = [];
    size = 0;
    take(bytes);
  };

  return {
    add(bytes) {
      if (size === 0) process.nextTick(flush);
      chunks.push(bytes);
      size += bytes.length;
    },
    flush,
  };
}
