import type { TransportAnswer } from './transport.ts';

/** Error answers are small; what is longer than this is cut. */
const MAX_ERROR_BYTES = 1024 * 1024;

/** Reads an error answer whole. One that breaks off counts with what arrived. */
export function collectBody(answer: TransportAnswer): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = () => resolve(Buffer.concat(chunks).subarray(0, MAX_ERROR_BYTES));
    answer.flow({
      chunk(bytes) {
        chunks.push(bytes);
        size += bytes.length;
        if (size < MAX_ERROR_BYTES) return;
        answer.abort();
        done();
      },
      end: done,
      fail: done,
    });
  });
}
