import { randomUUID } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import { CodedError, isCodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { TokenResponse } from '../../kernel/protocol.ts';
import type { Accepted, Audit } from '../exchange.ts';
import type { DeviceGrant, DeviceGrants, Sessions } from '../store/ports.ts';
import type { Grants } from './grants.ts';
import type { SessionIssuer } from './issue-session.ts';

export interface RedeemParts {
  readonly grants: Grants;
  readonly store: { readonly grants: DeviceGrants; readonly sessions: Sessions };
  readonly issue: SessionIssuer;
  readonly refreshTtlMs: number;
  readonly accessTtlMs: number;
  readonly audit: Audit;
  readonly log: Log;
  readonly clock: Clock;
}

/** RFC 8628 section 3.5. */
const SLOW_DOWN_SECONDS = 5;
const POLL_TOLERANCE_MS = 1_000;

/**
 * The device code grant. Throws the RFC's errors until the grant is approved; then, of all polls on all replicas, exactly
 * one gets the session.
 */
export function createRedeem(
  parts: RedeemParts,
): (request: Accepted, deviceCode: string) => Promise<TokenResponse> {
  const { grants, store, issue, audit, log, clock } = parts;

  const waitFor = async (row: DeviceGrant, nowMs: number): Promise<never> => {
    // A poll that is yet to come was counted by a clock that has been set back since.
    const passedMs = row.lastPolledAtMs === undefined ? -1 : nowMs - row.lastPolledAtMs;
    const isTooFast = passedMs >= 0 && passedMs < row.intervalSeconds * 1000 - POLL_TOLERANCE_MS;
    const intervalSeconds = row.intervalSeconds + (isTooFast ? SLOW_DOWN_SECONDS : 0);
    // Another change at the same moment is as good as this one: the next poll is judged by it.
    await store.grants.update(row.deviceHash, row.version, { intervalSeconds, lastPolledAtMs: nowMs });
    throw new CodedError(isTooFast ? 'slow_down' : 'authorization_pending');
  };

  const redeem = async (request: Accepted, row: DeviceGrant, nowMs: number): Promise<TokenResponse> => {
    const contents = await grants.contentsOf(row);
    const identity = contents?.identity;
    if (!identity) throw new CodedError('expired_token');
    // Irreversible and atomic: whoever loses this race finds a used code.
    if (!(await store.grants.update(row.deviceHash, row.version, { state: 'used', sealed: null }))) {
      throw new CodedError('invalid_grant');
    }
    const { providerToken, ...person } = identity;
    const claims = { sub: person.sub, email: person.email, name: person.name, groups: person.groups };
    const sid = randomUUID();
    const expiresAtMs = nowMs + (providerToken === undefined ? parts.accessTtlMs : parts.refreshTtlMs);
    const session = { sid, sub: claims.sub, client: contents.surface, refreshNumber: 0, expiresAtMs };
    await store.sessions
      .create({ ...session, createdAtMs: nowMs, renewedAtMs: nowMs, lastSeenAtMs: nowMs })
      .catch((error: unknown) => {
        // The code is spent: the developer gets the session, and the row is made at its first refresh.
        if (!isCodedError(error, 'store_unavailable')) throw error;
        log.warn(`session row not written request_id=${request.requestId}: store unavailable`);
      });
    const tokens = await issue({
      sid,
      claims,
      providerToken,
      number: 0,
      signedInAtMs: nowMs,
      refreshExpiresAtMs: expiresAtMs,
    });
    audit('session.mint', request.requestId, {
      sub: claims.sub,
      email: claims.email,
      client_ip: request.clientIp,
      sid,
      result: 'ok',
    });
    return tokens;
  };

  return async (request, deviceCode) => {
    const nowMs = clock.now();
    const row = await grants.findByDeviceCode(deviceCode, nowMs);
    switch (row?.state) {
      case undefined:
        throw new CodedError('expired_token');
      case 'used':
        throw new CodedError('invalid_grant');
      case 'denied':
        throw new CodedError('access_denied');
      case 'pending':
        return waitFor(row, nowMs);
      case 'approved':
        return redeem(request, row, nowMs);
    }
  };
}
