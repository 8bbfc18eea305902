import { z } from 'zod';

/** What an access token says about its holder. Not verified: for showing only, never for deciding. */
export interface TokenClaims {
  readonly email: string | undefined;
  readonly name: string | undefined;
  readonly groups: readonly string[];
}

const format = z.object({
  email: z.string().optional().catch(undefined),
  name: z.string().optional().catch(undefined),
  groups: z.array(z.string()).catch([]),
});

/** Reads the claims of a JWT (RFC 7519); a token that is none has no claims to show. */
export function readTokenClaims(token: string): TokenClaims {
  const parsed = format.safeParse(decode(token.split('.')[1] ?? ''));
  return parsed.success ? { email: undefined, name: undefined, ...parsed.data } : { ...NONE };
}

const NONE: TokenClaims = { email: undefined, name: undefined, groups: [] };

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    // An opaque token: nothing to show.
    return undefined;
  }
}
