/**
 * Whether a compact JWS or JWE is written as its maker writes it: base64url without padding, and no bit set that decoding
 * drops. Otherwise one token would have several spellings.
 */
export function isCanonical(compact: string): boolean {
  return compact.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);
}
