/** All chunks as one; a single one is not copied. `size` is what they hold together. */
export function joinBytes(chunks: readonly Buffer[], size: number): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only ? only : Buffer.concat(chunks, size);
}
