/** What the gateway asks of the organisation's OpenID provider; identity/openid-provider.ts is the real one. */
export interface IdentityProvider {
  readonly issuer: string;
  /** Origin of the discovered authorization endpoint, for the pages' CSP `form-action`. */
  readonly authorizationOrigin: string;
  /** The URL the browser is sent to. `codeVerifier` is undefined when PKCE is off. */
  authorizationUrl(request: AuthorizationRequest): Promise<URL>;
  /**
   * Redeems the callback's query, which may hold an error in place of a code. Verifies RFC 9207 `iss`, the id_token
   * (signature, algorithm, issuer, audience, azp, nonce, times) and admission. Throws CodedError `sign_in_refused` with
   * facts.reason for an answer about the person, `idp_unreachable`, `idp_misconfigured` or `idp_answer` for everything about
   * the gateway or the network.
   */
  redeem(callback: URLSearchParams, request: AuthorizationRequest): Promise<Identity>;
  /**
   * Asks the provider for fresh tokens (3.5 s budget; an answer that comes later serves the next refresh). Same errors as
   * `redeem`: `sign_in_refused` for an answer about the person.
   */
  refresh(session: SessionToRefresh): Promise<Identity>;
  /** Ends the requests that nobody waits for any more. */
  close(): void;
}

export interface SessionToRefresh {
  readonly refreshToken: string;
  readonly claims: IdentityClaims;
  /**
   * Called when the refresh has failed and no request of it is under way any more, which may be later: with the token that
   * the provider has put in the place of the one it was shown, if it has.
   */
  readonly onFailed?: (successor: string | undefined) => void;
}

export interface AuthorizationRequest {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string | undefined;
}

export interface IdentityClaims {
  readonly sub: string;
  readonly email: string | undefined;
  readonly name: string | undefined;
  readonly groups: readonly string[];
}

/** An admitted person. */
export interface Identity {
  readonly claims: IdentityClaims;
  /** The provider's refresh token; undefined when it gave none (at a refresh: the old one goes on). */
  readonly refreshToken: string | undefined;
}
