import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { parseCidr } from '../kernel/cidr.ts';
import { secret } from '../kernel/secret.ts';

/*
 * The values that keys of gateway.yaml can have. Every issue's message continues "<path> …", so that a problem reads as
 * a sentence. A schema with meta `secret: true` holds what must not be printed.
 */

/** A string that is not empty. */
export function text(expected = 'a string that is not empty') {
  return z.string({ error: `must be ${expected}` }).min(1, { error: `must be ${expected}` });
}

/** A string that may be empty. */
export function anyText() {
  return z.string({ error: 'must be a string' });
}

export function secretText(expected = 'a string that is not empty') {
  return text(expected).transform(secret).meta({ secret: true });
}

export function flag() {
  return z.boolean({ error: 'must be true or false' });
}

export function choice<const T extends readonly string[]>(...options: T) {
  return z.enum(options, { error: `must be one of ${options.join(', ')}` });
}

/** A whole number within a range, both ends included. */
export function whole(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** A number within a range, both ends included. */
export function numeric(min: number, max: number) {
  const error = `must be a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}

export function listOf<S extends z.ZodType>(element: S, expected: string) {
  return z.array(element, { error: `must be a list of ${expected}` });
}

/** An absolute `http://` or `https://` URL without user, password, query or fragment. */
export function httpUrl() {
  return text('an https:// URL').refine(isPlainHttpUrl, {
    error: 'must be an absolute https:// URL without user, password, query or fragment',
    abort: true,
  });
}

/** `https://host[:port]`; what stands for it in a browser. A slash at the end is dropped. */
export function origin() {
  const error = 'must be an origin: https://host, with a port if need be, and no path';
  return text('an https:// origin')
    .refine((value) => isPlainHttpUrl(value) && new URL(value).pathname === '/', { error, abort: true })
    .transform((value) => new URL(value).origin);
}

export function cidr() {
  return text('an address or a block like 10.0.0.0/8').refine((value) => parseCidr(value) !== undefined, {
    error: 'must be an address or a block like 10.0.0.0/8 or fd00::/8',
  });
}

const BEGIN = '-----BEGIN CERTIFICATE-----';

/** PEM text with at least one certificate. */
export function certificates() {
  return text('PEM text of a certificate')
    .refine(holdsCertificates, { error: 'must be PEM text whose certificates can all be read', abort: true })
    .transform(secret)
    .meta({ secret: true });
}

/** A domain after the `@` of email addresses; one leading `@` and surrounding blanks are ignored. */
export function emailDomain() {
  return z
    .string({ error: 'must be one email domain like example.com' })
    .refine((value) => normalEmailDomain(value).trim() !== '', { error: 'must name a domain', abort: true })
    .refine((value) => !/[\s,@]/.test(normalEmailDomain(value)), {
      error: 'must be one email domain like example.com, without @, blanks or commas',
    });
}

export function normalEmailDomain(domain: string): string {
  return domain.trim().replace(/^@/, '').toLowerCase();
}

/** A group's name as the identity provider sends it. */
export function group() {
  return z
    .string({ error: 'must be the name of a group' })
    .refine((value) => value.trim() !== '', { error: 'must be the name of a group, and not empty' });
}

/** A claim by its name, or by an RFC 6901 pointer. */
export function claim() {
  return text('the name of a claim or a pointer like /realm_access/roles').refine(
    (value) => !value.startsWith('/') || !/~(?![01])/.test(value),
    { error: 'must be a pointer in which ~ stands only as ~0 or ~1 (RFC 6901)' },
  );
}

function isPlainHttpUrl(value: string): boolean {
  // The parser drops blanks, backslashes and empty parts; what the operator reads must be what is meant.
  if (!/^https?:\/\/[^\s\\?#@]+$/i.test(value) || !URL.canParse(value)) return false;
  return new URL(value).hostname !== '';
}

function holdsCertificates(pem: string): boolean {
  const [, ...parts] = pem.split(BEGIN);
  return parts.length > 0 && parts.every((part) => isCertificate(`${BEGIN}${part}`));
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
