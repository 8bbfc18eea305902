import { createHash } from 'node:crypto';

const SHARED_SESSION = 'claude-apps-gateway';
/** What STS takes in a `RoleSessionName`, without the `=` that escapes begin with. */
const KEPT = /[A-Za-z0-9_+,.@-]/;
const SHORTEST = 2;
const LONGEST = 64;
const HASH_DIGITS = 16;

/** The session that a developer's requests are made in; undefined when the developer has no such claim. */
export function sessionName(
  claim: 'email' | 'sub' | undefined,
  caller: { readonly sub: string; readonly email: string | undefined },
): string | undefined {
  if (claim === undefined) return SHARED_SESSION;
  const value = caller[claim];
  return value ? roleSessionName(value) : undefined;
}

/**
 * A developer's id as `RoleSessionName`: bytes that STS does not take as `=` and two hex digits. One that is too long
 * keeps its beginning and ends with a hash of the whole, so that no two developers share a name.
 */
export function roleSessionName(value: string): string {
  const bytes = [...Buffer.from(value)];
  const name = bytes.map((byte) => (isKept(byte) ? String.fromCharCode(byte) : escaped(byte))).join('');
  if (name.length < SHORTEST) return bytes.map(escaped).join('');
  if (name.length <= LONGEST) return name;
  const hash = createHash('sha256').update(value).digest('hex').slice(0, HASH_DIGITS);
  // No half of an escape before the hash.
  const beginning = name.slice(0, LONGEST - HASH_DIGITS - 1).replace(/=[0-9A-F]?$/, '');
  return `${beginning}-${hash}`;
}

function isKept(byte: number): boolean {
  return KEPT.test(String.fromCharCode(byte));
}

function escaped(byte: number): string {
  return `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
