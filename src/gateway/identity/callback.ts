import type { Clock } from '../../kernel/clock.ts';
import { CodedError, isCodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Accepted, Audit, Reply } from '../exchange.ts';
import type { BrowserBinding } from './browser-binding.ts';
import type { Grants, OpenGrant } from './grants.ts';
import type { Pages } from './pages.ts';
import type { IdentityProvider } from './provider.ts';

export interface CallbackParts {
  readonly grants: Grants;
  readonly binding: BrowserBinding;
  readonly provider: IdentityProvider;
  readonly pages: Pages;
  readonly audit: Audit;
  readonly log: Log;
  readonly clock: Clock;
}

type PageHandler = (request: Accepted, reply: Reply) => Promise<void>;

/** `/oauth/callback`: the identity provider sends the browser back. Only here is a grant approved. */
export function createCallback(parts: CallbackParts): {
  readonly arrive: PageHandler;
  readonly arrivePosted: PageHandler;
} {
  const { grants, binding, provider, pages, audit, log, clock } = parts;

  const record = (request: Accepted, result: string, fields: { reason?: string; sub?: string } = {}) =>
    audit('device.callback', request.requestId, { client_ip: request.clientIp, result, ...fields });

  const expired = (request: Accepted, result: string, sentence?: string): CodedError => {
    record(request, result);
    return new CodedError('link_expired', sentence === undefined ? {} : { facts: { sentence } });
  };

  const openGrant = async (request: Accepted, query: URLSearchParams): Promise<OpenGrant> => {
    const state = query.get('state');
    const bound = state ? await binding.grantOf(request, state) : undefined;
    if (!state || !bound) throw expired(request, 'unbound');
    const grant = await grants.findPending(bound, clock.now());
    if (grant?.contents.request?.state !== state) throw expired(request, 'expired');
    return grant;
  };

  const refused = async (request: Accepted, grant: OpenGrant, error: CodedError): Promise<never> => {
    const reason = String(error.facts['reason'] ?? 'refused');
    await grants.deny(grant);
    record(request, 'denied', { reason });
    audit('auth.denied', request.requestId, { reason, client_ip: request.clientIp, path: request.path });
    log.warn(
      `token exchange failed request_id=${request.requestId}: ${error.detail ?? reason} (sign-in refused)`,
    );
    throw error;
  };

  /** The provider answered with an error of its own (RFC 6749 section 4.1.2.1). */
  const providerError = async (request: Accepted, grant: OpenGrant, name: string): Promise<never> => {
    if (name === 'access_denied') {
      return refused(
        request,
        grant,
        new CodedError('sign_in_refused', {
          facts: { reason: 'access_denied' },
          detail: 'the identity provider answered access_denied',
        }),
      );
    }
    const error = /^[a-z_]{1,40}$/.test(name) ? name : 'an unknown error';
    record(request, 'provider_error', { reason: error });
    log.error(
      `sign-in failed request_id=${request.requestId}: the identity provider answered ${error}; check the client's registration there`,
    );
    throw new CodedError('idp_answer', { detail: error });
  };

  return {
    async arrive(request, reply) {
      const query = new URLSearchParams(request.query);
      const grant = await openGrant(request, query);
      const providersError = query.get('error');
      if (providersError !== null) return providerError(request, grant, providersError);
      if (!query.get('code')) throw expired(request, 'no_code');
      const { state, nonce, codeVerifier } = grant.contents.request ?? {
        state: '',
        nonce: '',
        codeVerifier: undefined,
      };
      try {
        const { claims, refreshToken } = await provider.redeem(query, { state, nonce, codeVerifier });
        const identity = {
          sub: claims.sub,
          groups: [...claims.groups],
          ...(claims.email === undefined ? {} : { email: claims.email }),
          ...(claims.name === undefined ? {} : { name: claims.name }),
          ...(refreshToken === undefined ? {} : { providerToken: refreshToken }),
        };
        if (!(await grants.approve(grant, identity))) throw expired(request, 'expired');
        record(request, 'ok', { sub: claims.sub });
        pages.signedIn(request, reply, claims.email ?? claims.name ?? claims.sub);
      } catch (error) {
        if (isCodedError(error, 'sign_in_refused')) return refused(request, grant, error);
        if (isCodedError(error) && error.code.startsWith('idp_')) {
          record(request, 'provider_error', { reason: error.code });
          log.error(`token exchange failed request_id=${request.requestId}: ${error.detail ?? error.code}`);
        }
        throw error;
      }
    },
    async arrivePosted(request) {
      throw expired(
        request,
        'posted',
        'The identity provider sent the browser back with a POST: it must honour response_mode=query.',
      );
    },
  };
}
