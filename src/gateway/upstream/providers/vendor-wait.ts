import type { Clock } from '../../../kernel/clock.ts';
import { escapeControl } from '../../../kernel/log.ts';

/** A chain lists why each of its links has nothing, and the one that matters may be late. */
const LONGEST_REASON = 1_000;

/** What a vendor's library is waited for, which waits in its own ways: for machines that are not there, and for programs. */
export async function inTime<T>(work: Promise<T>, what: string, limitMs: number, clock: Clock): Promise<T> {
  const done = new AbortController();
  const limit = clock.sleep(limitMs, done.signal).then(() => {
    throw new Error(`${what} gave nothing within ${limitMs} ms`);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    done.abort();
  }
}

/** What a vendor's library says of its failure as one line that quotes no file, no token and no assertion. */
export function vendorReason(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  if (error instanceof SyntaxError || /\bJSON\b.*\bat position\b|is not valid JSON/.test(error.message))
    return 'what it read is not JSON';
  const line = error.message.trim().replace(/\s*\n\s*/g, '; ');
  // Refusals may quote what they refuse.
  const safe = /eyJ|ya29|Bearer|-----BEGIN/.test(line)
    ? 'refused'
    : escapeControl(line).slice(0, LONGEST_REASON);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return code !== undefined && !safe.includes(code) ? `${code} ${safe}` : safe;
}
