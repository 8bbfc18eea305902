import type { AnswerSource } from '../exchange.ts';

export interface CollectLimits {
  readonly maxBytes: number;
  /** Longest wait for the whole. */
  readonly withinMs: number;
}

/** Error answers are small and come at once. */
const ERROR_LIMITS: CollectLimits = { maxBytes: 1024 * 1024, withinMs: 10_000 };

/** Reads an error answer whole. One that breaks off, stalls or does not end counts with what arrived. */
export function collectBody(source: AnswerSource, limits: CollectLimits = ERROR_LIMITS): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (): void => {
      clearTimeout(deadline);
      resolve(Buffer.concat(chunks).subarray(0, limits.maxBytes));
    };
    const deadline = setTimeout(source.abort, limits.withinMs);
    source.flow({
      chunk(bytes) {
        if (size >= limits.maxBytes) return;
        chunks.push(bytes);
        size += bytes.length;
        if (size >= limits.maxBytes) source.abort();
      },
      end: done,
      fail: done,
    });
  });
}
