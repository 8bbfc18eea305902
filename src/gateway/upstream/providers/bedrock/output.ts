/** Bytes that are being written: `bytes` up to `end`. Whoever writes to `bytes` reserves the room first and then moves `end`. */
export interface Output {
  readonly bytes: Buffer;
  end: number;
  /** Makes room for this many more; `bytes` may be another buffer afterwards. */
  reserve(count: number): void;
  write(text: string): void;
  written(): Buffer;
}

export function createOutput(expectedBytes: number): Output {
  let bytes = Buffer.allocUnsafe(expectedBytes);
  const output: Output = {
    get bytes() {
      return bytes;
    },
    end: 0,
    reserve(count) {
      if (output.end + count <= bytes.length) return;
      const larger = Buffer.allocUnsafe(Math.max(2 * bytes.length, output.end + count));
      bytes.copy(larger, 0, 0, output.end);
      bytes = larger;
    },
    write(text) {
      output.reserve(Buffer.byteLength(text));
      output.end += bytes.write(text, output.end);
    },
    written: () => bytes.subarray(0, output.end),
  };
  return output;
}
