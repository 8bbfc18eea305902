import type { AnswerSource } from '../exchange.ts';

export interface CollectLimits {
  readonly maxBytes: number;
  /** Longest wait for the whole. */
  readonly withinMs: number;
}

/** Error answers are small and come at once. */
const ERROR_LIMITS: CollectLimits = { maxBytes: 1024 * 1024, withinMs: 10_000 };

/** Reads an error answer whole. One that breaks off, stalls, does not end or is given up counts with what arrived. */
export function collectBody(
  source: AnswerSource,
  gone: AbortSignal,
  { maxBytes, withinMs }: CollectLimits = ERROR_LIMITS,
): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (): void => {
      clearTimeout(deadline);
      gone.removeEventListener('abort', source.abort);
      resolve(Buffer.concat(chunks).subarray(0, maxBytes));
    };
    const deadline = setTimeout(source.abort, withinMs);
    gone.addEventListener('abort', source.abort);
    source.flow({
      chunk(bytes) {
        if (size >= maxBytes) return;
        chunks.push(bytes);
        size += bytes.length;
        if (size >= maxBytes) source.abort();
      },
      end: done,
      fail: done,
    });
    if (gone.aborted) source.abort();
  });
}
