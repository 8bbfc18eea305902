import { z } from 'zod';
import type { Report } from './report.ts';
import type { Path } from './source-problem.ts';

const VALUE = 'must be a string (put numbers and true/false in quotes)';

const headerValue = z
  .string({ error: VALUE })
  .min(1, { error: 'must not be empty', abort: true })
  .refine((value) => /^[\x20-\x7e]*$/.test(value), { error: 'must be printable ASCII', abort: true })
  .refine((value) => value === value.trim(), { error: 'must not begin or end with a blank' })
  .meta({ secret: true });

/** Headers that an operator adds; their values may be credentials. */
export function headerMap() {
  return z.record(z.string(), headerValue, { error: 'must be a map from header name to value' }).default({});
}

/** What frames a message or is for one connection only (RFC 9110 section 7.6.1). */
const FRAMING = [
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'cookie',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/**
 * Header names: RFC 9110 tokens, none of the gateway's own, none twice in another case. `hintForReserved` says what to do
 * about a name, in lower case, that the gateway sets itself, and undefined of any other.
 */
export function checkHeaderNames(
  names: readonly string[],
  path: Path,
  hintForReserved: (name: string) => string | undefined,
  report: Report,
): void {
  const seen = new Map<string, string>();
  for (const name of names) {
    const lower = name.toLowerCase();
    const twin = seen.get(lower);
    const reserved = hintForReserved(lower);
    const at = [...path, name];
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
      report.error(at, 'is no header name: letters, digits and - are possible', 'correct the name');
    else if (reserved !== undefined) report.error(at, 'is a header that the gateway sets itself', reserved);
    else if (FRAMING.includes(lower))
      report.error(at, 'is a header of the connection, not of the request', 'remove it');
    else if (twin !== undefined) report.error(at, `is the same header as ${twin}`, 'keep one of the two');
    seen.set(lower, name);
  }
}
