/** Each character's bits where they belong among the 24 of its four; all ones for what is no base64. */
const FIRST = bitsShiftedBy(18);
const SECOND = bitsShiftedBy(12);
const THIRD = bitsShiftedBy(6);
const FOURTH = bitsShiftedBy(0);
const PAD = 0x3d;

/**
 * Decodes the base64 (RFC 4648, padded) between two offsets of `source` to `target` at `at`, and returns where it ends
 * there. -1 when it is not plain: no base64, or a control character among what it stands for. For the hundred or so bytes of
 * an event faster than the runtime's own, which wants a string first.
 */
export function decodeBase64(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
): number {
  if ((to - from) % 4 !== 0 || to === from) return -1;
  const padding = source[to - 1] !== PAD ? 0 : source[to - 2] !== PAD ? 1 : 2;
  const whole = padding === 0 ? to : to - 4;
  let end = at;
  let odd = 0;
  for (let i = from; i < whole; i += 4) {
    const bits = bitsOf(source, i);
    odd |= (bits & 0x80000000) | controlsIn(bits);
    target[end] = bits >> 16;
    target[end + 1] = bits >> 8;
    target[end + 2] = bits;
    end += 3;
  }
  if (padding > 0) {
    const bits =
      (FIRST[source[whole] as number] as number) |
      (SECOND[source[whole + 1] as number] as number) |
      (padding === 1 ? (THIRD[source[whole + 2] as number] as number) : 0);
    odd |= (bits & 0x80000000) | controlsIn(bits | (padding === 1 ? 0x7f : 0x7f7f));
    target[end] = bits >> 16;
    if (padding === 1) target[end + 1] = bits >> 8;
    end += 3 - padding;
  }
  return odd === 0 ? end : -1;
}

function bitsOf(source: Uint8Array, at: number): number {
  return (
    (FIRST[source[at] as number] as number) |
    (SECOND[source[at + 1] as number] as number) |
    (THIRD[source[at + 2] as number] as number) |
    (FOURTH[source[at + 3] as number] as number)
  );
}

/** Not zero when one of three bytes is below 0x20. */
function controlsIn(bits: number): number {
  return (bits - 0x202020) & ~bits & 0x808080;
}

function bitsShiftedBy(shift: number): Int32Array {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  return Int32Array.from({ length: 256 }, (_, byte) => {
    const bits = alphabet.indexOf(String.fromCharCode(byte));
    return bits < 0 ? -1 : bits << shift;
  });
}
