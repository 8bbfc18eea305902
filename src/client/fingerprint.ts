import { CodedError } from '../kernel/coded-error.ts';

/** SHA-256 of a certificate's DER form: 64 hex digits, lower case, no separators. */
export type Fingerprint = string;

/** What is shown of a fingerprint: its first 16 digits, which operators publish. */
export function shortFingerprint(fingerprint: Fingerprint): string {
  return fingerprint.slice(0, 16);
}

/**
 * Reads a fingerprint as people paste it: 16 or 64 hex digits, any case, with or without colons and `sha256:`. Throws
 * `bad_usage` for anything else.
 */
export function parseFingerprint(text: string): Fingerprint {
  const digits = text
    .trim()
    .replace(/^sha256[:=]/i, '')
    .replace(/:/g, '')
    .toLowerCase();
  if (!/^(?:[0-9a-f]{16}|[0-9a-f]{64})$/.test(digits)) {
    throw new CodedError('bad_usage', { detail: 'A fingerprint has 16 or 64 hex digits' });
  }
  return digits;
}

export type TrustDecision =
  | { readonly kind: 'trusted' }
  | { readonly kind: 'ask'; readonly previous: Fingerprint | undefined };

/** What bears on whether a certificate may be trusted at sign-in. */
export interface TrustQuestion {
  readonly host: string;
  /** The gateway's origin, for the next step. */
  readonly gateway: string;
  readonly presented: Fingerprint;
  /** The one trusted before for this host. */
  readonly known: Fingerprint | undefined;
  /** From `--fingerprint`: 16 or 64 digits. */
  readonly expected: Fingerprint | undefined;
  readonly canAsk: boolean;
}

/**
 * Decides about the certificate a gateway presents at sign-in. An expected fingerprint is the last word; a known one
 * needs no question; anything else is for a person. Throws `fingerprint_mismatch`, or, where nobody can be asked,
 * `certificate_changed` and `fingerprint_required`.
 */
export function decideTrust(question: TrustQuestion): TrustDecision {
  const { host, gateway, presented, known, expected, canAsk } = question;
  if (expected !== undefined) {
    if (presented.startsWith(expected)) return { kind: 'trusted' };
    const facts = {
      host,
      gateway,
      presented: shortFingerprint(presented),
      expected: shortFingerprint(expected),
    };
    throw new CodedError('fingerprint_mismatch', { facts });
  }
  if (presented === known) return { kind: 'trusted' };
  if (canAsk) return { kind: 'ask', previous: known };
  if (known !== undefined) throw certificateChanged({ host, gateway, known, presented });
  throw new CodedError('fingerprint_required', {
    facts: { host, gateway, presented: shortFingerprint(presented) },
  });
}

/** The refusal of a certificate that is not the trusted one. */
export function certificateChanged({
  host,
  gateway,
  known,
  presented,
}: Pick<TrustQuestion, 'host' | 'gateway' | 'presented'> & { readonly known: Fingerprint }): CodedError {
  return new CodedError('certificate_changed', {
    facts: { host, gateway, known: shortFingerprint(known), presented: shortFingerprint(presented) },
  });
}
