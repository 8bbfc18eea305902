import { z } from 'zod';
import type { Clock } from '../../kernel/clock.ts';
import type { KeyRing } from './keys.ts';
import type { IdentityClaims } from './provider.ts';
import { createSealer } from './sealer.ts';

/** What a refresh token carries, so that replicas need share no state. Fields may be added; a reader ignores those it does not know. */
const Contents = z.object({
  v: z.literal(1),
  sid: z.string(),
  /** 0 at sign-in, one more with each refresh. */
  number: z.number().int().nonnegative(),
  issuer: z.string(),
  sub: z.string(),
  email: z.string().optional(),
  name: z.string().optional(),
  groups: z.array(z.string()),
  providerToken: z.string(),
  signedInAt: z.number(),
  expiresAt: z.number(),
});

export interface RefreshToken {
  readonly sid: string;
  readonly number: number;
  readonly claims: IdentityClaims;
  /** The identity provider's own refresh token. */
  readonly providerToken: string;
  readonly signedInAtMs: number;
  readonly expiresAtMs: number;
}

export interface RefreshTokens {
  seal(token: RefreshToken): Promise<string>;
  /** Undefined for anything that is not an unexpired refresh token of this gateway and provider. */
  open(text: string): Promise<RefreshToken | undefined>;
}

export function createRefreshTokens(ring: KeyRing, issuer: string, clock: Clock): RefreshTokens {
  const sealer = createSealer(ring, ({ refresh }) => refresh, 'rt+jwe');
  return {
    seal({ sid, number, claims, providerToken, signedInAtMs, expiresAtMs }) {
      return sealer.seal({
        v: 1,
        sid,
        number,
        issuer,
        ...claims,
        providerToken,
        signedInAt: signedInAtMs,
        expiresAt: expiresAtMs,
      });
    },
    async open(text) {
      const parsed = Contents.safeParse(await sealer.open(text));
      if (!parsed.success || parsed.data.issuer !== issuer || parsed.data.expiresAt <= clock.now())
        return undefined;
      const { sid, number, sub, email, name, groups, providerToken, signedInAt, expiresAt } = parsed.data;
      return {
        sid,
        number,
        claims: { sub, email, name, groups },
        providerToken,
        signedInAtMs: signedInAt,
        expiresAtMs: expiresAt,
      };
    },
  };
}
