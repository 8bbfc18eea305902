import { isUtf8 } from 'node:buffer';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Accepted } from '../exchange.ts';
import { createBodyReader } from './body.ts';

/** Refresh tokens carry hundreds of groups, like access tokens, whose headers may have 256 KiB. */
const MAX_FORM_BYTES = 512 * 1024;

const readBody = createBodyReader({ maxBytes: MAX_FORM_BYTES, idleTimeoutMs: 10_000 });

/**
 * Reads an `application/x-www-form-urlencoded` body; an absent body is an empty form. Throws `invalid_request` for
 * another content type or bytes that are not UTF-8, `request_too_large` above 512 KiB.
 */
export async function readForm(request: Accepted): Promise<URLSearchParams> {
  const body = await readBody(request);
  return parseForm(request.headers['content-type'], body);
}

/** Reads a form's bytes (WHATWG URL section 5.1). Throws as `readForm` does. */
function parseForm(contentType: string | undefined, body: Buffer): URLSearchParams {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type !== 'application/x-www-form-urlencoded' && !(type === '' && body.length === 0)) {
    throw new CodedError('invalid_request', {
      facts: { sentence: 'send the parameters as application/x-www-form-urlencoded' },
    });
  }
  if (!isUtf8(body))
    throw new CodedError('invalid_request', { facts: { sentence: 'the form is not UTF-8' } });
  return new URLSearchParams(body.toString('utf8'));
}

/** The one value of a parameter. Throws `invalid_request` when it is repeated (RFC 6749 section 3.2); undefined when absent or empty. */
export function singleParameter(form: URLSearchParams, name: string): string | undefined {
  const values = form.getAll(name);
  if (values.length > 1)
    throw new CodedError('invalid_request', { facts: { sentence: `${name} is repeated` } });
  return values[0] || undefined;
}
