import { CodedError, isCodedError } from '../../kernel/coded-error.ts';
import type { Accepted, Audit, Reply } from '../exchange.ts';
import { singleParameter } from '../http/form.ts';
import type { AccessTokens } from './access-token.ts';
import type { RefreshTokens } from './refresh-token.ts';
import type { RevocationList } from './revocations.ts';

export interface RevocationEndpointParts {
  readonly readForm: (request: Accepted) => Promise<URLSearchParams>;
  readonly accessTokens: AccessTokens;
  readonly refreshTokens: RefreshTokens;
  readonly revocations: RevocationList;
  readonly audit: Audit;
}

/**
 * `POST /oauth/revoke` (RFC 7009): either token ends the whole session, an expired access token too. Tokens that mean
 * nothing here are answered like those that did.
 */
export function createRevocationEndpoint(
  parts: RevocationEndpointParts,
): (request: Accepted, reply: Reply) => Promise<void> {
  const { readForm, accessTokens, refreshTokens, revocations, audit } = parts;

  const sessionOf = async (
    token: string,
  ): Promise<{ readonly sid: string; readonly sub: string } | undefined> => {
    const access = await accessTokens.verify(token, { evenIfExpired: true });
    if (access) return access.caller;
    const refresh = await refreshTokens.open(token);
    return refresh && { sid: refresh.sid, sub: refresh.claims.sub };
  };

  return async (request, reply) => {
    const form = await readForm(request);
    const token = singleParameter(form, 'token');
    if (token === undefined)
      throw new CodedError('invalid_request', { facts: { sentence: 'token is required' } });
    const session = await sessionOf(token);
    if (session) {
      const { sid, sub } = session;
      audit('session.revoke', request.requestId, {
        sub,
        client_ip: request.clientIp,
        sid,
        reason: 'signed_out',
      });
      try {
        await revocations.revoke({ sid });
      } catch (error) {
        if (!isCodedError(error, 'store_unavailable')) throw error;
        const sentence = 'signed out at this replica; the others follow when the store is back';
        throw new CodedError('temporarily_unavailable', {
          facts: { sentence, retryAfterSeconds: 5 },
          cause: error,
        });
      }
    }
    reply.json(200, {});
  };
}
