import { z } from 'zod';
import { printable } from './printable.ts';

/** What an access token says about its holder, cleaned for printing. Not verified: for showing, never for deciding. */
export interface TokenClaims {
  readonly email: string | undefined;
  readonly groups: readonly string[];
}

const format = z.object({
  email: z.string().optional().catch(undefined),
  groups: z.array(z.string()).catch([]),
});

/** Reads the claims of a JWT (RFC 7519); a token that is none has no claims to show. */
export function readTokenClaims(token: string): TokenClaims {
  const parsed = format.safeParse(decode(token.split('.')[1] ?? ''));
  if (!parsed.success) return { email: undefined, groups: [] };
  const { email, groups } = parsed.data;
  return { email: email && printable(email), groups: groups.map(printable) };
}

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    // An opaque token: nothing to show.
    return undefined;
  }
}
