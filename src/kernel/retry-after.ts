/**
 * Milliseconds that a `Retry-After` asks to wait (RFC 9110 section 10.2.3: seconds, or a date as seen by a clock that
 * says `nowMs`); undefined when it asks for nothing that can be read.
 */
export function retryAfterMs(value: string | string[] | undefined, nowMs: number): number | undefined {
  const text = Array.isArray(value) ? value[0] : value;
  if (text === undefined) return undefined;
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const at = text.endsWith(' GMT') ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
