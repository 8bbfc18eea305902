import { createHmac, randomInt } from 'node:crypto';

/** RFC 8628 section 6.1: twenty letters without vowels or look-alikes. */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ';
const LENGTH = 8;

/** Eight random letters, shown as `XXXX-XXXX`. */
export function newUserCode(): string {
  const letters = Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

/** The eight letters of a code as people type it: any case, with or without dash and spaces. Undefined when it cannot be one. */
export function normalisedUserCode(typed: string): string | undefined {
  const letters = typed.slice(0, 40).toUpperCase().replace(/[\s-]/g, '');
  const isCode = letters.length === LENGTH && [...letters].every((letter) => ALPHABET.includes(letter));
  return isCode ? letters : undefined;
}

/** What stands for the code in the store: 34 bits could be found from a plain hash. */
export function userCodeMac(letters: string, key: Uint8Array): string {
  return createHmac('sha256', key).update(letters).digest('base64url');
}
