import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import type { Clock } from '../../kernel/clock.ts';
import type { FindKey, IdTokenKeys } from './id-token-keys.ts';

/** The asymmetric algorithms that `oidc.id_token_signed_response_alg` can name. */
export const ID_TOKEN_ALGORITHMS = ['RS256', 'ES256', 'PS256', 'EdDSA'] as const;
export type IdTokenAlgorithm = (typeof ID_TOKEN_ALGORITHMS)[number];

export type IdTokenClaims = JWTPayload & { readonly sub: string };

/** `reason` is a stable word; `detail` tells the operator what to look at. Neither holds a claim's value. */
export type IdTokenOutcome =
  | { readonly kind: 'verified'; readonly claims: IdTokenClaims }
  | { readonly kind: 'rejected'; readonly reason: string; readonly detail: string };

export interface IdTokenOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly algorithm: IdTokenAlgorithm;
  /** Values of `azp` that are accepted besides the client id. */
  readonly additionalAuthorizedParties: readonly string[];
  /** How far the provider's clock may differ, in seconds; 0 means not at all. */
  readonly clockSkewSeconds: number;
}

export type VerifyIdToken = (token: string, expected: { readonly nonce?: string }) => Promise<IdTokenOutcome>;

const CLAIM_REASONS: Readonly<Record<string, string>> = {
  iss: 'id_token_issuer',
  aud: 'id_token_audience',
  nbf: 'id_token_not_yet_valid',
};

/**
 * Checks an id_token as OpenID Connect Core section 3.1.3.7 says: signature by one of the provider's keys with exactly
 * the expected algorithm, issuer, audience, authorised party, times, and the nonce when one is expected. A provider may
 * bring new keys at any time, also under an old name: a token that none verifies is tried again with newer ones. Failures
 * to read the provider's keys are thrown as they come.
 */
export function createIdTokenVerifier(
  options: IdTokenOptions,
  keys: IdTokenKeys,
  clock: Clock,
): VerifyIdToken {
  const { issuer, clientId, algorithm, clockSkewSeconds } = options;
  const authorizedParties = new Set([clientId, ...options.additionalAuthorizedParties]);

  const verifyWith = async (token: string, find: FindKey): Promise<JWTPayload> => {
    const expected: JWTVerifyOptions = {
      algorithms: [algorithm],
      issuer,
      audience: clientId,
      clockTolerance: clockSkewSeconds,
      currentDate: new Date(clock.now()),
      requiredClaims: ['sub', 'iat', 'exp'],
    };
    try {
      return (await jwtVerify(token, find, expected)).payload;
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys) return verifyWithAny(token, error, expected);
      throw error;
    }
  };

  const verify = async (token: string): Promise<JWTPayload> => {
    let used: FindKey | undefined;
    try {
      // Keys are asked for only when the token's header is one that could be verified.
      return await verifyWith(token, async (header, jws) => {
        used = await keys.current();
        return used(header, jws);
      });
    } catch (error) {
      const newer = used && isAboutKeys(error) ? await keys.newerThan(used) : undefined;
      if (!newer) throw error;
      return verifyWith(token, newer);
    }
  };

  return async (token, { nonce }) => {
    let claims: JWTPayload;
    try {
      claims = await verify(token);
    } catch (error) {
      return rejectionOf(error, options);
    }
    const { sub } = claims;
    if (typeof sub !== 'string' || sub === '')
      return rejected('id_token_malformed', 'the id_token names no subject');
    if (!isForUs(claims, authorizedParties)) {
      return rejected(
        'id_token_authorized_party',
        'the id_token was issued to another party (azp); oidc.additional_authorized_parties can name it',
      );
    }
    if (nonce !== undefined && claims['nonce'] !== nonce)
      return rejected('id_token_nonce', 'the id_token belongs to another sign-in (nonce)');
    return { kind: 'verified', claims: { ...claims, sub } };
  };
}

/** A token without `kid` may be signed by any of several keys. */
async function verifyWithAny(
  token: string,
  candidates: errors.JWKSMultipleMatchingKeys,
  expected: JWTVerifyOptions,
): Promise<JWTPayload> {
  for await (const key of candidates) {
    try {
      return (await jwtVerify(token, key, expected)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
  throw new errors.JWSSignatureVerificationFailed();
}

function isAboutKeys(error: unknown): boolean {
  return error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey;
}

/** With several audiences the authorised party has to be named (OpenID Connect Core section 3.1.3.7, points 4 and 5). */
function isForUs({ aud, azp }: JWTPayload, authorizedParties: ReadonlySet<string>): boolean {
  if (azp === undefined) return !Array.isArray(aud) || aud.length === 1;
  return typeof azp === 'string' && authorizedParties.has(azp);
}

function rejectionOf(error: unknown, { algorithm, clockSkewSeconds }: IdTokenOptions): IdTokenOutcome {
  if (!(error instanceof errors.JOSEError)) throw error;
  const clocks = `compare the clocks, oidc.clock_skew_seconds is ${clockSkewSeconds}`;
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return rejected(
      'id_token_algorithm',
      `the id_token is not signed with ${algorithm}; oidc.id_token_signed_response_alg names the expected algorithm`,
    );
  }
  if (error instanceof errors.JWTExpired)
    return rejected('id_token_expired', `the id_token has expired; ${clocks}`);
  if (error instanceof errors.JWTClaimValidationFailed) {
    const reason = CLAIM_REASONS[error.claim];
    const hint = error.claim === 'nbf' ? `; ${clocks}` : '';
    return reason === undefined || error.reason === 'missing'
      ? rejected('id_token_malformed', `the id_token's ${error.claim} claim is missing or malformed`)
      : rejected(reason, `the id_token's ${error.claim} claim is not the expected one${hint}`);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return rejected('id_token_signature', "the id_token's signature is not the provider's");
  if (error instanceof errors.JWKSNoMatchingKey)
    return rejected(
      'id_token_unknown_key',
      'the id_token is signed with a key that the provider does not publish',
    );
  return rejected('id_token_malformed', 'the id_token cannot be read');
}

function rejected(reason: string, detail: string): IdTokenOutcome {
  return { kind: 'rejected', reason, detail };
}
