import { calculatePKCECodeChallenge } from 'openid-client';
import type { Clock } from '../../kernel/clock.ts';
import { CodedError, isCodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { GuardedFetch } from '../exchange.ts';
import { createAdmission } from './admission.ts';
import { createGoogleGroups, type GoogleGroupsOptions } from './google-groups.ts';
import { createIdTokenVerifier, type IdTokenAlgorithm } from './id-token.ts';
import { createIdTokenKeys } from './id-token-keys.ts';
import { withinBudget } from './openid-budget.ts';
import { discoverProvider, type ProviderDocument } from './openid-discovery.ts';
import type { Stage } from './openid-errors.ts';
import { createExchange } from './openid-exchange.ts';
import { createProviderFetch } from './openid-fetch.ts';
import { createOutageLog } from './openid-outage-log.ts';
import { createPersonReader } from './openid-person.ts';
import { type CredentialOptions, checkSetup, chooseCredential } from './openid-setup.ts';
import { createTokenRefresh } from './openid-token-refresh.ts';
import type {
  AuthorizationRequest,
  Identity,
  IdentityClaims,
  IdentityProvider,
  SessionToRefresh,
} from './provider.ts';

/** The keys of the `oidc` section; what they mean is described there. */
export interface OpenIdProviderOptions extends CredentialOptions {
  readonly issuer: string;
  readonly discoveryUrl?: string | undefined;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly scopeOnRefresh: boolean;
  readonly extraAuthParams: Readonly<Record<string, string>>;
  readonly userinfoFallback: boolean;
  readonly idTokenSignedResponseAlg: IdTokenAlgorithm;
  readonly clockSkewSeconds: number;
  readonly additionalAuthorizedParties: readonly string[];
  readonly emailClaim: string | readonly string[];
  readonly groupsClaim: string;
  readonly googleGroups?: GoogleGroupsOptions | undefined;
  /** Undefined: everybody, also without an email. An empty list admits nobody. */
  readonly allowedEmailDomains?: readonly string[] | undefined;
  /** Undefined: everybody. An empty list admits nobody. */
  readonly allowedGroups?: readonly string[] | undefined;
  /** `listen.public_url`: the provider sends browsers back to `<publicUrl>/oauth/callback`. */
  readonly publicUrl: string;
  /** How long the provider may take, in milliseconds: 10,000, 15,000 and 3,500 unless given. */
  readonly budgets?: {
    readonly discoveryMs?: number;
    readonly redeemMs?: number;
    readonly refreshMs?: number;
  };
}

export interface OpenIdProviderParts {
  readonly fetch: GuardedFetch;
  readonly clock: Clock;
  readonly log: Log;
}

const BUDGETS = { discoveryMs: 10_000, redeemMs: 15_000, refreshMs: 3_500 };

/**
 * The organisation's OpenID provider. Reads its discovery document first: throws CodedError `idp_unreachable` or
 * `idp_misconfigured`, whose detail names the setting, when the gateway must not start.
 */
export async function createOpenIdProvider(
  options: OpenIdProviderOptions,
  { fetch: guardedFetch, clock, log }: OpenIdProviderParts,
): Promise<IdentityProvider> {
  const { issuer, clientId, discoveryUrl, scopes, userinfoFallback } = options;
  const budgets = { ...BUDGETS, ...options.budgets };
  const fetch = createProviderFetch(guardedFetch);
  const document = await discoverProvider(
    { issuer, discoveryUrl, budgetMs: budgets.discoveryMs },
    { fetch, clock },
  );
  checkSetup(options, document, log);

  const exchange = createExchange(
    document,
    clientId,
    chooseCredential(options, document, { clock, log }),
    fetch,
  );
  const verifyIdToken = createIdTokenVerifier(
    {
      issuer: document.issuer,
      clientId,
      algorithm: options.idTokenSignedResponseAlg,
      additionalAuthorizedParties: options.additionalAuthorizedParties,
      clockSkewSeconds: options.clockSkewSeconds,
    },
    createIdTokenKeys(document.jwks_uri, fetch, clock),
    clock,
  );
  const googleGroups =
    options.googleGroups && (await createGoogleGroups(options.googleGroups, { fetch, clock }));
  const people = createPersonReader({
    exchange,
    claimNames: {
      email: typeof options.emailClaim === 'string' ? [options.emailClaim] : options.emailClaim,
      groups: googleGroups ? undefined : options.groupsClaim,
    },
    userinfoFallback,
    googleGroups,
    admit: createAdmission(options),
    log,
  });
  const redirectUri = `${options.publicUrl.replace(/\/$/, '')}/oauth/callback`;
  const scope = scopes.join(' ');
  const outages = createOutageLog(log, clock);
  const tokens = createTokenRefresh(
    (refreshToken, signal) =>
      exchange.refresh(refreshToken, options.scopeOnRefresh ? scope : undefined, signal),
    clock,
  );
  const explainOldClaims = once(() => {
    const settings = options.scopeOnRefresh
      ? 'oidc.userinfo_fallback: true'
      : 'oidc.scope_on_refresh: true or oidc.userinfo_fallback: true';
    log.warn(
      `the provider sends no id_token at a refresh, so sessions keep the email and groups of their sign-in; ${settings} can renew them. This is logged once.`,
    );
  });

  const redeem = async (
    callback: URLSearchParams,
    request: AuthorizationRequest,
    signal: AbortSignal,
  ): Promise<Identity> => {
    // The exchange takes the redirect_uri from this URL: it is the gateway's own, never the request's.
    const answer = await exchange.redeemCode(new URL(`${redirectUri}?${callback}`), request, signal);
    if (answer.idToken === undefined)
      throw unusable(
        'id_token_missing',
        'the provider sent no id_token; oidc.scopes must hold openid',
        'code_exchange',
      );
    const outcome = await verifyIdToken(answer.idToken, { nonce: request.nonce });
    if (outcome.kind === 'rejected') throw unusable(outcome.reason, outcome.detail, 'code_exchange');
    const claims = await people.fromIdToken(outcome.claims, answer.accessToken, signal);
    return { claims, refreshToken: answer.refreshToken };
  };

  const renewClaims = async (
    session: IdentityClaims,
    { idToken, accessToken }: { readonly idToken: string | undefined; readonly accessToken: string },
    signal: AbortSignal,
  ): Promise<IdentityClaims> => {
    if (idToken === undefined) {
      if (userinfoFallback) return people.fromUserInfo(session.sub, accessToken, signal);
      explainOldClaims();
      return people.fromSession(session, signal);
    }
    const outcome = await verifyIdToken(idToken, {});
    if (outcome.kind === 'rejected') throw unusable(outcome.reason, outcome.detail, 'refresh');
    if (outcome.claims.sub !== session.sub)
      throw unusable(
        'id_token_subject',
        'the id_token of a refresh is about another person (sub)',
        'refresh',
      );
    return people.fromIdToken(outcome.claims, accessToken, signal);
  };

  const renew = async (
    { refreshToken, claims }: SessionToRefresh,
    signal: AbortSignal,
  ): Promise<Identity> => {
    const { newest, ...answer } = await tokens.ask(refreshToken);
    // Nobody waits any more: the next refresh goes on from the token that came late.
    signal.throwIfAborted();
    return {
      claims: await renewClaims(claims, answer, signal),
      refreshToken: newest === refreshToken ? undefined : newest,
    };
  };

  const tellOfSuccessor = async ({ refreshToken, onFailed }: SessionToRefresh): Promise<void> =>
    onFailed?.(await tokens.successor(refreshToken));

  return {
    issuer: document.issuer,
    authorizationOrigin: new URL(document.authorization_endpoint).origin,

    async authorizationUrl({ state, nonce, codeVerifier }) {
      const url = new URL(document.authorization_endpoint);
      const parameters = {
        ...options.extraAuthParams,
        client_id: clientId,
        response_type: 'code',
        response_mode: 'query',
        redirect_uri: redirectUri,
        scope,
        state,
        nonce,
        ...(codeVerifier === undefined ? {} : await pkceParameters(codeVerifier)),
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url;
    },

    async redeem(callback, request) {
      refuseForeignAnswer(callback, document);
      refuseProvidersError(callback);
      return withinBudget(clock, budgets.redeemMs, (signal) => redeem(callback, request, signal));
    },

    async refresh(session) {
      try {
        const renewed = await withinBudget(clock, budgets.refreshMs, (signal) => renew(session, signal));
        tokens.forget(session.refreshToken);
        return renewed;
      } catch (error) {
        if (isCodedError(error, 'sign_in_refused')) tokens.forget(session.refreshToken);
        else if (isCodedError(error)) outages.report(error);
        tellOfSuccessor(session);
        throw error;
      }
    },

    close: tokens.close,
  };
}

/** RFC 9207 section 2.4: an answer of another issuer is a mix-up, whatever else it says. */
function refuseForeignAnswer(callback: URLSearchParams, document: ProviderDocument): void {
  const named = callback.getAll('iss');
  const isMissing = named.length === 0 && document.authorization_response_iss_parameter_supported;
  if (isMissing || named.some((iss) => iss !== document.issuer))
    throw unusable('issuer_mismatch', 'the answer is not from this provider (iss, RFC 9207)', 'callback');
}

/** RFC 6749 section 4.1.2.1. Only `access_denied` speaks about the person. */
function refuseProvidersError(callback: URLSearchParams): void {
  const error = callback.get('error');
  if (error === null) return;
  const reason = /^[a-z_]{1,40}$/.test(error) ? error : 'an unknown error';
  const detail = `the identity provider answered ${reason}`;
  const facts = { kind: reason, reason };
  if (error === 'access_denied') throw new CodedError('sign_in_refused', { facts, detail });
  throw new CodedError('idp_answer', { facts, detail: `${detail}; check the client's registration there` });
}

/** RFC 7636 section 4.3. */
async function pkceParameters(codeVerifier: string) {
  return { code_challenge: await calculatePKCECodeChallenge(codeVerifier), code_challenge_method: 'S256' };
}

/** An answer that says nothing about the person: nobody is refused or signed out for it. */
function unusable(reason: string, detail: string, stage: Stage): CodedError {
  return new CodedError('idp_answer', { facts: { kind: reason, reason }, detail: `${detail} (at ${stage})` });
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}
