import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Admit } from './admission.ts';
import { type ClaimNames, type ClaimSet, hasGaps, type Person, readPerson } from './claims.ts';
import type { GoogleGroups } from './google-groups.ts';
import type { IdTokenClaims } from './id-token.ts';
import type { Exchange } from './openid-exchange.ts';
import type { IdentityClaims } from './provider.ts';

export interface PersonParts {
  readonly exchange: Exchange;
  readonly claimNames: ClaimNames;
  readonly userinfoFallback: boolean;
  readonly googleGroups: GoogleGroups | undefined;
  readonly admit: Admit;
  readonly log: Log;
}

/** Where the claims of an admitted person come from. All throw `sign_in_refused`, and what the requests throw. */
export interface PersonReader {
  /** A verified id_token and, where it leaves a gap, userinfo. */
  fromIdToken(claims: IdTokenClaims, accessToken: string, signal: AbortSignal): Promise<IdentityClaims>;
  /** A refresh without an id_token, by userinfo. */
  fromUserInfo(sub: string, accessToken: string, signal: AbortSignal): Promise<IdentityClaims>;
  /** A refresh that tells nothing new; groups that come from elsewhere are looked up again. */
  fromSession(session: IdentityClaims, signal: AbortSignal): Promise<IdentityClaims>;
}

export function createPersonReader(parts: PersonParts): PersonReader {
  const { exchange, claimNames, googleGroups, admit, log } = parts;

  const logNames = (source: string, claims: ClaimSet): void => {
    if (!log.isEnabled('debug')) return;
    log.debug(`claim names in ${source}: ${Object.keys(claims).sort().join(', ')}`);
  };

  const admitted = async (sub: string, person: Person, signal: AbortSignal): Promise<IdentityClaims> => {
    const { email, name } = person;
    const groups = googleGroups ? await groupsIn(googleGroups, email, signal) : person.groups;
    admit({ ...person, groups });
    return { sub, email, name, groups };
  };

  return {
    async fromIdToken(claims, accessToken, signal) {
      logNames('id_token', claims);
      const sources: ClaimSet[] = [claims];
      if (parts.userinfoFallback && hasGaps(claims, claimNames)) {
        const userInfo = await exchange.userInfo(accessToken, claims.sub, 'userinfo', signal);
        logNames('userinfo', userInfo);
        sources.push(userInfo);
      }
      return admitted(claims.sub, readPerson(sources, claimNames), signal);
    },
    async fromUserInfo(sub, accessToken, signal) {
      const userInfo = await exchange.userInfo(accessToken, sub, 'userinfo_no_id_token', signal);
      logNames('userinfo', userInfo);
      return admitted(sub, readPerson([userInfo], claimNames), signal);
    },
    fromSession: (session, signal) => admitted(session.sub, { ...session, emailVerified: undefined }, signal),
  };
}

async function groupsIn(
  googleGroups: GoogleGroups,
  email: string | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (email !== undefined) return googleGroups(email, signal);
  throw new CodedError('sign_in_refused', {
    facts: { reason: 'email_missing' },
    detail: 'id_token missing email claim, by which oidc.google_groups looks people up',
  });
}
