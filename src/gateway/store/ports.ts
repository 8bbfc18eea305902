/**
 * What the gateway keeps, one port per noun. All times are milliseconds since the epoch and come from the caller's
 * clock. Every method rejects with CodedError `store_unavailable` when the store cannot answer in time.
 */
export interface Store {
  readonly grants: DeviceGrants;
  readonly rateCounters: RateCounters;
  readonly sessions: Sessions;
  readonly revocations: Revocations;
  readonly refreshNotes: RefreshNotes;
  /** Resolves when the store answered within the signal's life; used by /readyz and --check. */
  ping(signal: AbortSignal): Promise<void>;
  /** What the store's own clock shows; nothing else is taken from it. */
  nowMs(): Promise<number>;
  /** Removes rows that can no longer matter, by this time and by the store's own clock. Safe on several replicas at once: one does the work. */
  sweep(nowMs: number): Promise<void>;
  close(): Promise<void>;
}

export type GrantState = 'pending' | 'approved' | 'denied' | 'used';

/** RFC 8628 state. `sealed` is opaque to the store (encrypted by identity) and is gone once denied or used. */
export interface DeviceGrant {
  /** SHA-256 of the device code, base64url. */
  readonly deviceHash: string;
  readonly state: GrantState;
  readonly sealed: string | undefined;
  /** Seconds a client must wait between polls; grows by 5 with each slow_down. */
  readonly intervalSeconds: number;
  readonly lastPolledAtMs: number | undefined;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** Grows with each change; what `update` compares. */
  readonly version: number;
}

export interface NewDeviceGrant {
  readonly deviceHash: string;
  /** HMAC of the normalised user code, base64url. */
  readonly userCodeMac: string;
  readonly sealed: string;
  readonly intervalSeconds: number;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

export interface DeviceGrants {
  /** False when the user code is taken by another open grant: draw a new one. */
  create(grant: NewDeviceGrant): Promise<boolean>;
  /** Unexpired grants in any state. */
  findByDevice(deviceHash: string, nowMs: number): Promise<DeviceGrant | undefined>;
  findByUserCode(userCodeMac: string, nowMs: number): Promise<DeviceGrant | undefined>;
  /** Compare-and-swap on `version`; false when somebody was faster. */
  update(
    deviceHash: string,
    expectedVersion: number,
    change: {
      readonly state?: GrantState;
      readonly sealed?: string | null;
      readonly intervalSeconds?: number;
      readonly lastPolledAtMs?: number;
    },
  ): Promise<boolean>;
}

export interface RateLimit {
  readonly max: number;
  readonly windowSeconds: number;
}

export interface RateHit {
  readonly allowed: boolean;
  readonly retryAfterSeconds: number;
  readonly windowEndsMs: number;
}

export interface RateCounters {
  /** Counts one hit in the fixed window of `key`; atomic over all replicas. */
  hit(key: string, limit: RateLimit, nowMs: number): Promise<RateHit>;
  /** Takes a hit back, as long as its window lasts. */
  giveBack(key: string, hit: RateHit): Promise<void>;
}

/** No email, name, group or address is kept here. */
export interface SessionRow {
  readonly sid: string;
  readonly sub: string;
  /** Client surface and version as the client named itself, e.g. `sallyport` or `claude_code`. */
  readonly client: string | undefined;
  readonly createdAtMs: number;
  readonly renewedAtMs: number;
  readonly lastSeenAtMs: number;
  readonly expiresAtMs: number;
  readonly revokedAtMs: number | undefined;
  /** Number of the current refresh token; 0 at sign-in. */
  readonly refreshNumber: number;
}

export type RenewOutcome =
  /** The row now carries `nextNumber`. */
  | { readonly kind: 'renewed' }
  /** An older refresh token than the current one was shown; `renewedAtMs` says when it was replaced. */
  | { readonly kind: 'stale'; readonly currentNumber: number; readonly renewedAtMs: number }
  | { readonly kind: 'revoked' }
  | { readonly kind: 'unknown' };

export interface Sessions {
  create(row: Omit<SessionRow, 'revokedAtMs'>): Promise<void>;
  find(sid: string): Promise<SessionRow | undefined>;
  /**
   * Moves a session from refresh token `shownNumber` to `nextNumber` in one atomic step. A shown number at or above the
   * stored one is accepted (renewals made while the store was down), a lower one is `stale`.
   */
  renew(
    sid: string,
    step: {
      readonly shownNumber: number;
      readonly nextNumber: number;
      readonly nowMs: number;
      readonly expiresAtMs: number;
    },
  ): Promise<RenewOutcome>;
  /** Sets last seen for several sessions in one statement. */
  touch(sids: readonly string[], nowMs: number): Promise<void>;
  /** Live sessions, newest first; `after` is the cursor of the page before. */
  list(query: {
    readonly sub?: string;
    readonly limit: number;
    readonly after?: string;
    readonly nowMs: number;
  }): Promise<{
    readonly rows: readonly SessionRow[];
    readonly next: string | undefined;
  }>;
  /** Live sessions whose tokens are older than `sinceMs`. */
  countNotRenewedSince(sinceMs: number, nowMs: number): Promise<number>;
  /** Marks sessions revoked and records the revocation in one transaction; the number of live sessions it ended. */
  revoke(who: RevocationTarget, nowMs: number, untilMs: number): Promise<number>;
}

/** What became of refresh tokens that may be shown again. `sealed` is opaque to the store (encrypted by identity). */
export interface RefreshNotes {
  /** In the place of what was noted before, and of any claim. `tokenHash` is the SHA-256 of the refresh token, base64url. */
  put(tokenHash: string, sealed: string, expiresAtMs: number): Promise<void>;
  find(tokenHash: string, nowMs: number): Promise<string | undefined>;
  /**
   * Keeps a token for one owner until something is noted of it, the owner releases it, or its time is up. False while
   * another has it; the owner may claim it again.
   */
  claim(
    tokenHash: string,
    owner: string,
    time: { readonly nowMs: number; readonly lifeMs: number },
  ): Promise<boolean>;
  /** Does nothing to the claim of another. */
  release(tokenHash: string, owner: string): Promise<void>;
}

export type RevocationTarget = { readonly sid: string } | { readonly sub: string } | { readonly all: true };

export interface Revocation {
  readonly target: RevocationTarget;
  /** Tokens issued at or before this moment are refused. */
  readonly sinceMs: number;
  /** When the last token it concerns has expired. */
  readonly untilMs: number;
}

export interface Revocations {
  add(revocation: Revocation): Promise<void>;
  /** Entries recorded after `cursor` (undefined: all that still matter), with the cursor to ask from next. Never misses one that commits late. */
  listAfter(
    cursor: string | undefined,
    nowMs: number,
  ): Promise<{ readonly entries: readonly Revocation[]; readonly cursor: string | undefined }>;
}
