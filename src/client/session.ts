import type { Clock } from '../kernel/clock.ts';
import { CodedError, isCodedError } from '../kernel/coded-error.ts';
import type { CredentialStore, Credentials } from './credentials.ts';
import type { OAuthClient, TokenSet } from './oauth-client.ts';
import { silent, type Trace } from './trace.ts';

/** A developer's session at one gateway. */
export interface Session {
  /**
   * An access token that is good for at least 5 more minutes, refreshed if need be, once across all processes of this
   * developer. While the gateway cannot renew it, one that has not expired is still handed out. Throws `not_signed_in`,
   * `session_over`, and `temporarily_unavailable` or `gateway_unreachable` when the token has expired meanwhile.
   */
  currentToken(signal?: AbortSignal): Promise<string>;
  /**
   * The token to use after the gateway has refused one that had not expired: another process's newer one, or a renewed
   * one. Throws like `currentToken`; a refused token is never handed out again.
   */
  renewedToken(refused: string): Promise<string>;
}

export interface SessionOptions {
  readonly gateway: string;
  readonly credentials: CredentialStore;
  readonly clock: Clock;
  /** Reaches the gateway; called only when a token has to be refreshed. */
  readonly oauth: () => Promise<Pick<OAuthClient, 'refresh'>>;
  /** Why a token is renewed, and why not. */
  readonly trace?: Trace;
}

const REFRESH_WITHIN_MS = 5 * 60_000;

export function createSession(options: SessionOptions): Session {
  const { gateway, credentials, clock, oauth, trace = silent } = options;
  let refreshing: Promise<Credentials> | undefined;

  async function stored(): Promise<Credentials> {
    const found = await credentials.read(gateway);
    if (!found) throw new CodedError('not_signed_in', { facts: { gateway } });
    return found;
  }

  const leftMs = ({ expiresAtMs }: Credentials) => expiresAtMs - clock.now();

  /** Another process may have refreshed while this one waited for the lock: then its result counts. */
  async function refreshLocked(refused?: string): Promise<Credentials> {
    return credentials.exclusively(gateway, async () => {
      const current = await stored();
      const isRefused = current.accessToken === refused;
      if (leftMs(current) < REFRESH_WITHIN_MS || isRefused) return refresh(current, isRefused);
      trace('token: another process has renewed it meanwhile');
      return current;
    });
  }

  async function refresh(current: Credentials, isRefused: boolean): Promise<Credentials> {
    trace(`token: ${isRefused ? 'the gateway refused it' : secondsLeft(leftMs(current))}, renewing it`);
    if (current.refreshToken === undefined) {
      trace('token: there is nothing to renew it with');
      if (leftMs(current) > 0 && !isRefused) return current;
      throw new CodedError('session_over', { facts: { gateway } });
    }
    const answer = await askTwice(await oauth(), current.refreshToken, trace);
    if (answer.kind === 'tokens') {
      const renewed = { ...current, ...fromTokens(answer.tokens, current, clock.now()) };
      await credentials.save(renewed);
      trace(`token: renewed, ${secondsLeft(leftMs(renewed))}`);
      return renewed;
    }
    if (answer.error === 'invalid_grant') {
      await credentials.remove(gateway);
      throw new CodedError('session_over', { facts: { gateway } });
    }
    throw answer.status >= 500 || answer.status === 429
      ? new CodedError('temporarily_unavailable', { facts: { status: answer.status } })
      : new CodedError('gateway_answer', {
          facts: { why: `asked to renew the session, it answered ${answer.status}` },
        });
  }

  return {
    async currentToken(signal) {
      const current = await stored();
      if (leftMs(current) >= REFRESH_WITHIN_MS) {
        trace(`token: good, ${secondsLeft(leftMs(current))}`);
        return current.accessToken;
      }
      refreshing ??= refreshLocked().finally(() => {
        refreshing = undefined;
      });
      try {
        const renewed = await refreshing;
        signal?.throwIfAborted();
        return renewed.accessToken;
      } catch (error) {
        if (leftMs(current) <= 0 || !isPassing(error)) throw error;
        trace(`token: not renewed, but good for now: ${secondsLeft(leftMs(current))}`);
        return current.accessToken;
      }
    },
    async renewedToken(refused) {
      return (await refreshLocked(refused)).accessToken;
    },
  };
}

/**
 * An answer lost on its way leaves the gateway with a newer refresh token than this machine. For half a minute it gives
 * the same answer again, whichever of its replicas is asked (the same one only, while its store is down), so asking once
 * more at once saves the session.
 */
async function askTwice(oauth: Pick<OAuthClient, 'refresh'>, refreshToken: string, trace: Trace) {
  try {
    return await oauth.refresh(refreshToken);
  } catch (error) {
    if (!isCodedError(error, 'gateway_unreachable')) throw error;
    trace('token: no answer to the renewal, asking once more');
    return oauth.refresh(refreshToken);
  }
}

function secondsLeft(ms: number): string {
  return `${Math.round(ms / 1000)} s left`;
}

/** The part of a session that a token answer sets. A refresh without a new refresh token keeps the old one. */
export function fromTokens(
  tokens: TokenSet,
  previous: Pick<Credentials, 'refreshToken' | 'email'>,
  nowMs: number,
): Pick<Credentials, 'accessToken' | 'expiresAtMs' | 'refreshToken' | 'email'> {
  return {
    accessToken: tokens.accessToken,
    expiresAtMs: nowMs + tokens.expiresInSeconds * 1000,
    refreshToken: tokens.refreshToken ?? previous.refreshToken,
    email: tokens.email ?? previous.email,
  };
}

/** Trouble that says nothing about the person: the session is kept. */
export function isPassing(error: unknown): boolean {
  return (
    isCodedError(error, 'temporarily_unavailable') ||
    isCodedError(error, 'gateway_unreachable') ||
    isCodedError(error, 'host_unresolvable') ||
    isCodedError(error, 'proxy_unresolvable') ||
    isCodedError(error, 'lock_held')
  );
}
