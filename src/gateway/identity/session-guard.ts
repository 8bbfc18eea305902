import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Accepted, Audit, Caller } from '../exchange.ts';
import type { AccessTokens, VerifiedToken } from './access-token.ts';

/** Finds the caller of a request. A value, not a promise, when the token has been seen before. */
export type Authenticate = (request: Accepted, options: GuardOptions) => Caller | Promise<Caller>;

export interface GuardOptions {
  /** Some SDKs know only `x-api-key`: a session token in it counts as well. */
  readonly acceptsApiKeyHeader: boolean;
}

export interface GuardParts {
  readonly tokens: AccessTokens;
  readonly isRevoked: (sid: string, sub: string, issuedAtMs: number) => boolean;
  readonly onSeen: (caller: Caller) => void;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly maxCachedTokens?: number;
}

type Bearer =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'refused'; readonly reason: string };

const LEEWAY_MS = 5_000;
/** What is written down of a path: anybody can ask for one of any length. */
const MAX_PATH_LENGTH = 200;

/** The guard of bearer endpoints. Throws CodedError `unauthenticated`; each refusal is an audit event with its reason. */
export function createSessionGuard(parts: GuardParts): Authenticate {
  const { tokens, isRevoked, onSeen, audit, clock, maxCachedTokens = 20_000 } = parts;
  const verified = new Map<string, VerifiedToken>();

  const refuse = (request: Accepted, reason: string): CodedError => {
    const path = request.path.slice(0, MAX_PATH_LENGTH);
    audit('auth.denied', request.requestId, { reason, client_ip: request.clientIp, path });
    return new CodedError('unauthenticated', { detail: reason });
  };

  const admit = (request: Accepted, { caller, issuedAtMs }: VerifiedToken): Caller => {
    if (caller.expiresAtMs + LEEWAY_MS <= clock.now()) throw refuse(request, 'token_expired');
    if (isRevoked(caller.sid, caller.sub, issuedAtMs)) throw refuse(request, 'session_revoked');
    onSeen(caller);
    return caller;
  };

  const verifyNew = async (request: Accepted, token: string): Promise<Caller> => {
    const found = await tokens.verify(token);
    if (!found) throw refuse(request, 'invalid_token');
    // Map keeps insertion order: the oldest entry goes first.
    const [oldest] = verified.size >= maxCachedTokens ? verified.keys() : [];
    if (oldest !== undefined) verified.delete(oldest);
    verified.set(token, found);
    return admit(request, found);
  };

  return (request, options) => {
    const bearer = bearerOf(request, options);
    if (bearer.kind === 'refused') throw refuse(request, bearer.reason);
    const known = verified.get(bearer.token);
    return known ? admit(request, known) : verifyNew(request, bearer.token);
  };
}

function bearerOf({ headers, message }: Accepted, { acceptsApiKeyHeader }: GuardOptions): Bearer {
  const { authorization } = headers;
  if (authorization !== undefined) {
    if (isRepeated(message.rawHeaders)) return { kind: 'refused', reason: 'repeated_authorization' };
    // RFC 9110 section 11.1: the scheme is case-insensitive.
    const token = /^bearer +(\S+)$/i.exec(authorization)?.[1];
    return token ? { kind: 'token', token } : { kind: 'refused', reason: 'no_bearer' };
  }
  const apiKey = acceptsApiKeyHeader ? headers['x-api-key'] : undefined;
  if (typeof apiKey === 'string' && apiKey !== '') return { kind: 'token', token: apiKey };
  return { kind: 'refused', reason: 'no_credentials' };
}

/** Node keeps the first of several `Authorization` headers; which one counts must not be a matter of taste. */
function isRepeated(rawHeaders: readonly string[]): boolean {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 13 && name.toLowerCase() === 'authorization') count += 1;
  }
  return count > 1;
}
