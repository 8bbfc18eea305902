import { randomUUID } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { Clock } from '../../kernel/clock.ts';
import type { Caller } from '../exchange.ts';
import { isCanonical } from './compact.ts';
import type { KeyRing } from './keys.ts';
import type { IdentityClaims } from './provider.ts';

const TYPE = 'at+jwt';
const LEEWAY_SECONDS = 5;

const Claims = z.object({
  sub: z.string().min(1),
  sid: z.string().min(1),
  iat: z.number(),
  exp: z.number(),
  email: z.string().optional(),
  name: z.string().optional(),
  groups: z.array(z.string()).default([]),
});

export interface AccessTokenOptions {
  /** `listen.public_url`. */
  readonly issuer: string;
  /** `oidc.client_id`. */
  readonly audience: string;
  readonly ttlSeconds: number;
  /** `admin.billing_group_tag`. */
  readonly billingGroupTag?: string | undefined;
}

/** A verified token: who, and when it was issued. */
export interface VerifiedToken {
  readonly caller: Caller;
  readonly issuedAtMs: number;
}

export interface AccessTokens {
  mint(
    sid: string,
    claims: IdentityClaims,
  ): Promise<{ readonly token: string; readonly expiresInSeconds: number }>;
  /** Undefined for whatever is not a valid token of this gateway. `evenIfExpired` is for signing out. */
  verify(token: string, options?: { readonly evenIfExpired: boolean }): Promise<VerifiedToken | undefined>;
}

/** Access tokens: JWTs (RFC 9068 `at+jwt`), HS256 only, one issuer, one audience. */
export function createAccessTokens(options: AccessTokenOptions, ring: KeyRing, clock: Clock): AccessTokens {
  const { issuer, audience, ttlSeconds, billingGroupTag } = options;

  const verifyWith = async (
    key: Uint8Array,
    token: string,
    evenIfExpired: boolean,
  ): Promise<VerifiedToken | undefined> => {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['HS256'],
        typ: TYPE,
        issuer,
        audience,
        requiredClaims: ['sub', 'exp', 'iat', 'sid'],
        clockTolerance: evenIfExpired ? Number.MAX_SAFE_INTEGER : LEEWAY_SECONDS,
        currentDate: new Date(clock.now()),
      });
      const claims = Claims.safeParse(payload);
      return claims.success ? verified(claims.data) : undefined;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  };

  return {
    async mint(sid, { sub, email, name, groups }) {
      const issuedAt = Math.floor(clock.now() / 1000);
      const claims = {
        sid,
        groups,
        ...(email === undefined ? {} : { email }),
        ...(name === undefined ? {} : { name }),
        ...(billingGroupTag === undefined ? {} : { billing_group_tag: billingGroupTag }),
      };
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', typ: TYPE })
        .setSubject(sub)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + ttlSeconds)
        .setJti(randomUUID())
        .sign(ring.current.signing);
      return { token, expiresInSeconds: ttlSeconds };
    },
    async verify(token, { evenIfExpired } = { evenIfExpired: false }) {
      if (!isCanonical(token)) return undefined;
      for (const { signing } of ring.all) {
        const found = await verifyWith(signing, token, evenIfExpired);
        if (found) return found;
      }
      return undefined;
    },
  };
}

function verified(claims: z.infer<typeof Claims>): VerifiedToken {
  const { sub, sid, email, name, groups, exp, iat } = claims;
  return {
    caller: Object.freeze({ sub, sid, email, name, groups: Object.freeze(groups), expiresAtMs: exp * 1000 }),
    issuedAtMs: iat * 1000,
  };
}
