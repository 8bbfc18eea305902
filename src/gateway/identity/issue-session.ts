import type { TokenResponse } from '../../kernel/protocol.ts';
import type { AccessTokens } from './access-token.ts';
import type { IdentityClaims } from './provider.ts';
import type { RefreshTokens } from './refresh-token.ts';

export interface SessionToIssue {
  readonly sid: string;
  readonly claims: IdentityClaims;
  /** Without one the session cannot be renewed. */
  readonly providerToken: string | undefined;
  readonly number: number;
  readonly signedInAtMs: number;
  readonly refreshExpiresAtMs: number;
}

/** Makes the token response of both grants (RFC 6749 section 5.1). */
export function createSessionIssuer(accessTokens: AccessTokens, refreshTokens: RefreshTokens) {
  return async (session: SessionToIssue): Promise<TokenResponse> => {
    const { sid, claims, providerToken, number, signedInAtMs, refreshExpiresAtMs } = session;
    const { token, expiresInSeconds } = await accessTokens.mint(sid, claims);
    const renewable = { sid, number, claims, signedInAtMs, expiresAtMs: refreshExpiresAtMs };
    return {
      access_token: token,
      token_type: 'Bearer',
      expires_in: expiresInSeconds,
      ...(providerToken === undefined
        ? {}
        : { refresh_token: await refreshTokens.seal({ ...renewable, providerToken }) }),
      ...(claims.email === undefined ? {} : { email: claims.email }),
    };
  };
}

export type SessionIssuer = ReturnType<typeof createSessionIssuer>;
