import type { Clock } from '../../kernel/clock.ts';
import { CodedError, isCodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Accepted, Audit, Reply } from '../exchange.ts';
import type { BrowserBinding } from './browser-binding.ts';
import type { Grants, OpenGrant } from './grants.ts';
import type { Pages } from './pages.ts';
import type { IdentityClaims, IdentityProvider } from './provider.ts';

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

/** The pending grant of this browser, and what the browser was sent away with. */
interface BoundGrant {
  readonly grant: OpenGrant;
  readonly sentAway: NonNullable<OpenGrant['contents']['request']>;
}

/** `/oauth/callback`: the identity provider sends the browser back. Only here is a grant approved. */
export function createCallback(parts: CallbackParts): {
  readonly arrive: PageHandler;
  readonly arrivePosted: PageHandler;
} {
  const { grants, binding, provider, pages, audit, log, clock } = parts;
  /** By the callback's query, which holds the state and the code. */
  const underWay = new Map<string, Promise<IdentityClaims | undefined>>();

  const record = (request: Accepted, result: string, fields: { reason?: string; sub?: string } = {}) =>
    audit('device.callback', request.requestId, { client_ip: request.clientIp, result, ...fields });

  const expired = (request: Accepted, result: string, sentence?: string): CodedError => {
    record(request, result);
    return new CodedError('link_expired', sentence === undefined ? {} : { facts: { sentence } });
  };

  const boundGrant = async (request: Accepted, query: URLSearchParams): Promise<BoundGrant> => {
    const state = query.get('state');
    const bound = state ? await binding.grantOf(request, state) : undefined;
    if (!state || !bound) throw expired(request, 'unbound');
    const grant = await grants.findPending(bound, clock.now());
    const sentAway = grant?.contents.request;
    if (!grant || sentAway?.state !== state) throw expired(request, 'expired');
    return { grant, sentAway };
  };

  const refused = async (request: Accepted, grant: OpenGrant, error: CodedError): Promise<never> => {
    const reason = String(error.facts['reason'] ?? 'refused');
    record(request, 'denied', { reason });
    audit('auth.denied', request.requestId, { reason, client_ip: request.clientIp, path: request.path });
    log.warn(
      `token exchange failed request_id=${request.requestId}: ${error.detail ?? reason} (sign-in refused)`,
    );
    await grants.deny(grant, clock.now());
    throw error;
  };

  /** The provider failed: the grant stays pending, and the link can be tried again. */
  const providerFailed = (request: Accepted, reply: Reply, error: CodedError): void => {
    record(request, 'provider_error', { reason: String(error.facts['reason'] ?? error.code) });
    log.error(`token exchange failed request_id=${request.requestId}: ${error.detail ?? error.code}`);
    pages.error(error, request, reply);
  };

  /** Asks the provider who this is, and approves the grant. Undefined when the grant is no longer this browser's to approve. */
  const approve = async (
    query: URLSearchParams,
    { grant, sentAway }: BoundGrant,
  ): Promise<IdentityClaims | undefined> => {
    const { state, nonce, codeVerifier } = sentAway;
    const { claims, refreshToken } = await provider.redeem(query, { state, nonce, codeVerifier });
    const identity = {
      sub: claims.sub,
      groups: [...claims.groups],
      ...(claims.email === undefined ? {} : { email: claims.email }),
      ...(claims.name === undefined ? {} : { name: claims.name }),
      ...(refreshToken === undefined ? {} : { providerToken: refreshToken }),
    };
    return (await grants.approve(grant, identity, clock.now())) ? claims : undefined;
  };

  /** A callback that is loaded again while the provider is asked joins in: a code that is shown twice ends what it began. */
  const approveOnce = (query: URLSearchParams, bound: BoundGrant): Promise<IdentityClaims | undefined> => {
    const key = query.toString();
    const same = underWay.get(key);
    if (same) return same;
    const approval = approve(query, bound);
    underWay.set(key, approval);
    const forget = () => void underWay.delete(key);
    approval.then(forget, forget);
    return approval;
  };

  return {
    async arrive(request, reply) {
      const query = new URLSearchParams(request.query);
      const bound = await boundGrant(request, query);
      if (!query.get('code') && !query.has('error')) throw expired(request, 'no_code');
      try {
        const claims = await approveOnce(query, bound);
        if (!claims) throw expired(request, 'expired');
        const { sub, email, name } = claims;
        record(request, 'ok', { sub });
        pages.signedIn(request, reply, email ?? name ?? sub, { 'set-cookie': binding.clearingCookie });
      } catch (error) {
        if (isCodedError(error, 'sign_in_refused')) return refused(request, bound.grant, error);
        if (!isCodedError(error) || !error.code.startsWith('idp_')) throw error;
        providerFailed(request, reply, error);
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
