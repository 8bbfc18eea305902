import { calculatePKCECodeChallenge } from 'openid-client';
import type { Clock } from '../../kernel/clock.ts';
import { CodedError, isCodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Secret } from '../../kernel/secret.ts';
import type { GuardedFetch } from '../exchange.ts';
import { createAdmission } from './admission.ts';
import { type ClaimNames, type ClaimSet, hasGaps, readPerson } from './claims.ts';
import { type ClientAssertionOptions, createClientAssertion } from './client-assertion.ts';
import { createGoogleGroups, type GoogleGroupsOptions } from './google-groups.ts';
import { createIdTokenVerifier, ID_TOKEN_ALGORITHMS, type IdTokenAlgorithm } from './id-token.ts';
import { createIdTokenKeys } from './id-token-keys.ts';
import { withinBudget } from './openid-budget.ts';
import { discoverProvider, isTestSetUp, type ProviderDocument } from './openid-discovery.ts';
import { type ClientCredential, createExchange, type TokenAnswer } from './openid-exchange.ts';
import { createProviderFetch } from './openid-fetch.ts';
import { createOutageLog } from './openid-outage-log.ts';
import type { Identity, IdentityClaims, IdentityProvider } from './provider.ts';

/** The keys of the `oidc` section; what they mean is described there. */
export interface OpenIdProviderOptions {
  readonly issuer: string;
  readonly discoveryUrl?: string | undefined;
  readonly clientId: string;
  readonly clientSecret?: Secret | undefined;
  readonly clientAssertion?: ClientAssertionOptions | undefined;
  /** Undefined: what the provider supports, `client_secret_basic` first. */
  readonly tokenEndpointAuthMethod?: TokenEndpointAuthMethod | undefined;
  readonly scopes: readonly string[];
  readonly scopeOnRefresh: boolean;
  readonly extraAuthParams: Readonly<Record<string, string>>;
  readonly usePkce: boolean;
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
  /** How long the provider may take, in milliseconds. */
  readonly budgets?: {
    readonly discoveryMs?: number;
    readonly redeemMs?: number;
    readonly refreshMs?: number;
  };
}

export type TokenEndpointAuthMethod = 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';

interface Parts {
  readonly fetch: GuardedFetch;
  readonly clock: Clock;
  readonly log: Log;
}

const DISCOVERY_BUDGET_MS = 10_000;
const REDEEM_BUDGET_MS = 15_000;
const REFRESH_BUDGET_MS = 3_500;

/**
 * The organisation's OpenID provider. Reads its discovery document first: throws CodedError `idp_unreachable` or
 * `idp_misconfigured`, whose detail names the setting, when the gateway must not start.
 */
export async function createOpenIdProvider(
  options: OpenIdProviderOptions,
  { fetch: guardedFetch, clock, log }: Parts,
): Promise<IdentityProvider> {
  const { issuer, clientId, scopes, budgets = {} } = options;
  const fetch = createProviderFetch(guardedFetch);
  if (!ID_TOKEN_ALGORITHMS.includes(options.idTokenSignedResponseAlg))
    throw misconfigured(
      'id_token_signed_response_alg',
      `one of ${ID_TOKEN_ALGORITHMS.join(', ')} is expected`,
    );
  if (isTestSetUp(issuer))
    log.warn(
      `oidc.issuer ${issuer} is plain http: tokens and the client secret travel unencrypted, which is for test set-ups only`,
    );
  const document = await withinBudget(clock, budgets.discoveryMs ?? DISCOVERY_BUDGET_MS, (signal) =>
    discoverProvider({ issuer, discoveryUrl: options.discoveryUrl }, fetch, signal),
  );
  checkDocument(document, options, log);

  const exchange = createExchange(document, clientId, credentialOf(options, document, { clock, log }), fetch);
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
  const admit = createAdmission({
    allowedEmailDomains: options.allowedEmailDomains,
    allowedGroups: options.allowedGroups,
  });
  const claimNames: ClaimNames = {
    email: typeof options.emailClaim === 'string' ? [options.emailClaim] : options.emailClaim,
    groups: googleGroups ? undefined : options.groupsClaim,
  };
  const redirectUri = `${options.publicUrl.replace(/\/$/, '')}/oauth/callback`;
  const outages = createOutageLog(log, clock);
  let hasExplainedOldClaims = false;

  /** The claims of a verified id_token and, where they leave a gap, of userinfo. */
  const claimSetsOf = async (
    claims: ClaimSet & { readonly sub: string },
    accessToken: string,
    signal: AbortSignal,
  ): Promise<readonly ClaimSet[]> => {
    logClaimNames('id_token', claims);
    if (!options.userinfoFallback || !hasGaps(claims, claimNames)) return [claims];
    const userInfo = await exchange.userInfo(accessToken, claims.sub, 'userinfo', signal);
    logClaimNames('userinfo', userInfo);
    return [claims, userInfo];
  };

  const admitted = async (
    sub: string,
    sources: readonly ClaimSet[],
    signal: AbortSignal,
  ): Promise<IdentityClaims> => {
    const person = readPerson(sources, claimNames);
    const groups = await groupsOf(person, signal);
    admit({ ...person, groups });
    return { sub, email: person.email, name: person.name, groups };
  };

  const groupsOf = async (
    { email, groups }: { readonly email: string | undefined; readonly groups: readonly string[] },
    signal: AbortSignal,
  ): Promise<readonly string[]> => {
    if (!googleGroups) return groups;
    if (email !== undefined) return googleGroups(email, signal);
    throw refusal('email_missing', 'id_token missing email claim, which oidc.google_groups needs');
  };

  const logClaimNames = (source: string, claims: ClaimSet): void => {
    if (log.isEnabled('debug'))
      log.debug(`claim names in ${source}: ${Object.keys(claims).sort().join(', ')}`);
  };

  /** Without an id_token: userinfo where that is on, else what was known. */
  const withoutIdToken = async (
    session: IdentityClaims,
    { accessToken }: TokenAnswer,
    signal: AbortSignal,
  ): Promise<IdentityClaims> => {
    if (options.userinfoFallback) {
      const userInfo = await exchange.userInfo(accessToken, session.sub, 'userinfo_no_id_token', signal);
      logClaimNames('userinfo', userInfo);
      return admitted(session.sub, [userInfo], signal);
    }
    if (!hasExplainedOldClaims) {
      hasExplainedOldClaims = true;
      const setting = options.scopeOnRefresh
        ? 'oidc.userinfo_fallback'
        : 'oidc.scope_on_refresh or oidc.userinfo_fallback';
      log.warn(
        `the provider sends no id_token at a refresh: sessions keep the email and groups of the sign-in; ${setting} set to true can renew them. This is logged once.`,
      );
    }
    const groups = await groupsOf(session, signal);
    admit({ ...session, groups, emailVerified: undefined });
    return { ...session, groups };
  };

  const renew = async (
    { refreshToken, claims: session }: { readonly refreshToken: string; readonly claims: IdentityClaims },
    signal: AbortSignal,
  ): Promise<Identity> => {
    const scope = options.scopeOnRefresh ? scopes.join(' ') : undefined;
    const answer = await exchange.refresh(refreshToken, scope, signal);
    if (answer.idToken === undefined)
      return { claims: await withoutIdToken(session, answer, signal), refreshToken: answer.refreshToken };
    const outcome = await verifyIdToken(answer.idToken, {});
    if (outcome.kind === 'rejected')
      throw new CodedError('idp_answer', { detail: outcome.detail, facts: { kind: outcome.reason } });
    if (outcome.claims.sub !== session.sub) {
      const detail = 'the id_token of a refresh is about another person (sub)';
      throw new CodedError('idp_answer', { detail, facts: { kind: 'id_token_subject' } });
    }
    const sources = await claimSetsOf(outcome.claims, answer.accessToken, signal);
    return { claims: await admitted(session.sub, sources, signal), refreshToken: answer.refreshToken };
  };

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
        scope: scopes.join(' '),
        state,
        nonce,
        ...(codeVerifier === undefined
          ? {}
          : {
              code_challenge: await calculatePKCECodeChallenge(codeVerifier),
              code_challenge_method: 'S256',
            }),
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url;
    },

    async redeem(callback, request) {
      refuseForeignAnswer(callback, document);
      return withinBudget(clock, budgets.redeemMs ?? REDEEM_BUDGET_MS, async (signal) => {
        // The address is the gateway's own, never the request's: it becomes the redirect_uri of the exchange.
        const answer = await exchange.redeemCode(new URL(`${redirectUri}?${callback}`), request, signal);
        if (answer.idToken === undefined)
          throw refusal('id_token_missing', 'the provider sent no id_token; oidc.scopes must hold openid');
        const outcome = await verifyIdToken(answer.idToken, { nonce: request.nonce });
        if (outcome.kind === 'rejected') throw refusal(outcome.reason, outcome.detail);
        const sources = await claimSetsOf(outcome.claims, answer.accessToken, signal);
        const claims = await admitted(outcome.claims.sub, sources, signal);
        return { claims, refreshToken: answer.refreshToken };
      });
    },

    async refresh(session) {
      try {
        return await withinBudget(clock, budgets.refreshMs ?? REFRESH_BUDGET_MS, (signal) =>
          renew(session, signal),
        );
      } catch (error) {
        if (isCodedError(error) && error.code !== 'sign_in_refused') outages.report(error);
        throw error;
      }
    },
  };
}

/** RFC 9207 section 2.4: an answer of another issuer is a mix-up, whatever else it says. */
function refuseForeignAnswer(callback: URLSearchParams, document: ProviderDocument): void {
  const named = callback.getAll('iss');
  const isMissing = named.length === 0 && document.authorization_response_iss_parameter_supported;
  if (isMissing || named.some((iss) => iss !== document.issuer))
    throw refusal('issuer_mismatch', 'the answer in the browser is not from this provider (iss, RFC 9207)');
}

function checkDocument(document: ProviderDocument, options: OpenIdProviderOptions, log: Log): void {
  if (options.userinfoFallback && document.userinfo_endpoint === undefined)
    throw misconfigured('userinfo_fallback', 'the provider names no userinfo_endpoint');
  const expected = options.idTokenSignedResponseAlg;
  const offered = document.id_token_signing_alg_values_supported;
  if (offered && !offered.includes(expected))
    log.warn(
      `oidc.id_token_signed_response_alg is ${expected}, and the provider announces ${offered.join(', ')} only: sign-ins will probably be refused`,
    );
}

function credentialOf(
  options: OpenIdProviderOptions,
  document: ProviderDocument,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): ClientCredential {
  const { clientSecret, clientAssertion } = options;
  const method = options.tokenEndpointAuthMethod ?? negotiatedMethod(document);
  if (method === 'private_key_jwt') {
    if (!clientAssertion)
      throw misconfigured('client_assertion', 'private_key_jwt needs a key and a certificate');
    return { method, sign: createClientAssertion(clientAssertion, { clock, log }) };
  }
  if (!clientSecret) throw misconfigured('client_secret', `${method} needs one`);
  return { method, clientSecret };
}

/** RFC 8414 section 2: `client_secret_basic` when nothing is announced. */
function negotiatedMethod({ token_endpoint_auth_methods_supported: offered }: ProviderDocument) {
  if (!offered || offered.includes('client_secret_basic')) return 'client_secret_basic';
  if (offered.includes('client_secret_post')) return 'client_secret_post';
  throw misconfigured(
    'token_endpoint_auth_method',
    `the provider announces none that a client secret can serve (${offered.join(', ').slice(0, 200)})`,
  );
}

function refusal(reason: string, detail: string): CodedError {
  return new CodedError('sign_in_refused', { facts: { reason }, detail });
}

function misconfigured(setting: string, why: string): CodedError {
  return new CodedError('idp_misconfigured', { detail: `oidc.${setting}: ${why}` });
}
