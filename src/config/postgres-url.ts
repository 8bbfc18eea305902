import { z } from 'zod';
import { secret } from '../kernel/secret.ts';

const LIKE = 'a URL like postgres://user:password@host:5432/database';
const PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey'];
const TLS_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];

/** A libpq URL with one host. It may hold a password, so that no message quotes it. */
export function postgresUrl() {
  return z
    .string({ error: `must be ${LIKE}` })
    .min(1, { error: `must be ${LIKE}`, abort: true })
    .superRefine((value, context) => {
      const message = faultOf(value);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .transform(secret)
    .meta({ secret: true });
}

function faultOf(value: string): string | undefined {
  if (!/^postgres(?:ql)?:\/\//i.test(value)) return 'must start with postgres:// or postgresql://';
  if (/^[^/]*\/\/[^/?#]*,/.test(value)) return 'names several hosts; it takes one';
  if (!URL.canParse(value))
    return `is no URL (@, /, ? and # within a password are written %40, %2F, %3F, %23); it must be ${LIKE}`;
  const url = new URL(value);
  if (![url.username, url.password, url.pathname].every(isDecodable))
    return 'holds a % that is not part of an escape; write it as %25';
  if (url.hash !== '') return 'holds a #; write it as %23';
  const unknown = [...url.searchParams.keys()].find((name) => !PARAMETERS.includes(name));
  if (unknown !== undefined)
    return `has the parameter ${printable(unknown)}; only ${PARAMETERS.join(', ')} are understood`;
  const mode = url.searchParams.get('sslmode');
  if (mode !== null && !TLS_MODES.includes(mode))
    return `has an unknown sslmode; use one of ${TLS_MODES.join(', ')}`;
  return undefined;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** A parameter's name is shown only when it looks like one: the rest of a badly escaped password does not. */
function printable(name: string): string {
  return /^[a-z_]{1,40}$/i.test(name) ? name : '(a name that is none)';
}
