import { hkdfSync } from 'node:crypto';
import type { Secret } from '../../kernel/secret.ts';

/** The keys that one configured secret yields. */
export interface SessionKeys {
  /** Names the secret in what it seals, without telling anything about it. */
  readonly id: string;
  /** HS256: the secret's UTF-8 bytes as written, so that other programs can verify with the same setting. */
  readonly signing: Uint8Array;
  /** A256GCM for refresh tokens and what is noted of them. */
  readonly refresh: Uint8Array;
  /** A256GCM for device grants and the browser's cookie. */
  readonly grants: Uint8Array;
  /** HMAC-SHA-256 for user codes. */
  readonly userCodes: Uint8Array;
}

/** The first secret's keys make new things; all secrets' keys read old ones. */
export interface KeyRing {
  readonly current: SessionKeys;
  readonly all: readonly SessionKeys[];
}

/** Derives every key with HKDF-SHA-256 (RFC 5869), a label for each use. Throws RangeError for an empty list. */
export function createKeyRing(secrets: readonly Secret[]): KeyRing {
  const all = secrets.map(keysOf);
  const [current] = all;
  if (!current) throw new RangeError('session.jwt_secret needs at least one secret');
  return { current, all };
}

function keysOf(secret: Secret): SessionKeys {
  const bytes = Buffer.from(secret.reveal(), 'utf8');
  const derive = (label: string, length: number) =>
    new Uint8Array(hkdfSync('sha256', bytes, 'sallyport/1', label, length));
  return {
    id: Buffer.from(derive('key id', 6)).toString('base64url'),
    signing: new Uint8Array(bytes),
    refresh: derive('refresh token', 32),
    grants: derive('device grant', 32),
    userCodes: derive('user code', 32),
  };
}
