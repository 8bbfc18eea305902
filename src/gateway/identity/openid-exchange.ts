import {
  allowInsecureRequests,
  authorizationCodeGrant,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  type CustomFetch,
  customFetch,
  fetchUserInfo,
  refreshTokenGrant,
  type ServerMetadata,
} from 'openid-client';
import { z } from 'zod';
import type { Secret } from '../../kernel/secret.ts';
import type { ClaimSet } from './claims.ts';
import type { SignClientAssertion } from './client-assertion.ts';
import { isTestSetUp, type ProviderDocument } from './openid-discovery.ts';
import { codedCause, type Stage, unreadable } from './openid-errors.ts';
import type { ProviderFetch } from './openid-fetch.ts';
import type { AuthorizationRequest } from './provider.ts';

/** How the gateway proves itself at the token endpoint. The secret is revealed for each request: it can be re-read. */
export type ClientCredential =
  | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly clientSecret: Secret }
  | { readonly method: 'private_key_jwt'; readonly sign: SignClientAssertion };

/** A token endpoint's answer. The id_token is not verified yet. */
export interface TokenAnswer {
  readonly accessToken: string;
  readonly idToken: string | undefined;
  readonly refreshToken: string | undefined;
}

/** Requests to the provider; all throw what `ProviderFetch` throws, and `idp_answer` for an answer that cannot be read. */
export interface Exchange {
  redeemCode(callback: URL, request: AuthorizationRequest, signal: AbortSignal): Promise<TokenAnswer>;
  refresh(refreshToken: string, scope: string | undefined, signal: AbortSignal): Promise<TokenAnswer>;
  /** Userinfo of this subject and of no other. */
  userInfo(
    accessToken: string,
    sub: string,
    stage: 'userinfo' | 'userinfo_no_id_token',
    signal: AbortSignal,
  ): Promise<ClaimSet>;
}

const AnswerBody = z.looseObject({ id_token: z.string().nullish() });

/** The token and userinfo requests, made by openid-client over the given fetch. */
export function createExchange(
  document: ProviderDocument,
  clientId: string,
  credential: ClientCredential,
  fetch: ProviderFetch,
): Exchange {
  const { issuer, token_endpoint, userinfo_endpoint, authorization_response_iss_parameter_supported } =
    document;
  const server: ServerMetadata = {
    issuer,
    token_endpoint,
    authorization_response_iss_parameter_supported,
    ...(userinfo_endpoint === undefined ? {} : { userinfo_endpoint }),
  };
  const authentication = clientAuthentication(clientId, token_endpoint, credential);

  const configured = (call: CustomFetch): Configuration => {
    const configuration = new Configuration(server, clientId, undefined, authentication);
    if (isTestSetUp(issuer)) allowInsecureRequests(configuration);
    configuration[customFetch] = call;
    return configuration;
  };

  /**
   * One grant. openid-client judges an id_token by rules of its own (any `azp` but the client id is refused, no
   * signature is checked), so it gets the answer without it.
   */
  const grant = async (
    stage: Stage,
    signal: AbortSignal,
    perform: (
      configuration: Configuration,
    ) => Promise<{ readonly access_token: string; readonly refresh_token?: string }>,
  ): Promise<TokenAnswer> => {
    let idToken: string | undefined;
    const configuration = configured(async (url, { method, headers, body: form }) => {
      const response = await fetch(url, { method, headers, body: formText(form), signal }, stage);
      const body: unknown = await response.json().catch(() => undefined);
      const answer = AnswerBody.safeParse(body);
      if (!answer.success) throw unreadable('no token answer', stage);
      const { id_token: taken, ...rest } = answer.data;
      idToken = taken ?? undefined;
      return Response.json(withoutNulls(rest));
    });
    const { access_token: accessToken, refresh_token: refreshToken } = await asCoded(
      perform(configuration),
      stage,
    );
    return { accessToken, idToken, refreshToken };
  };

  return {
    redeemCode: (callback, { state, codeVerifier }, signal) =>
      grant('code_exchange', signal, (configuration) =>
        authorizationCodeGrant(configuration, callback, {
          expectedState: state,
          ...(codeVerifier === undefined ? {} : { pkceCodeVerifier: codeVerifier }),
        }),
      ),
    refresh: (refreshToken, scope, signal) =>
      grant('refresh', signal, (configuration) =>
        refreshTokenGrant(configuration, refreshToken, scope === undefined ? {} : { scope }),
      ),
    userInfo(accessToken, sub, stage, signal) {
      const configuration = configured((url, { method, headers }) =>
        fetch(url, { method, headers, signal }, stage),
      );
      return asCoded(fetchUserInfo(configuration, accessToken, sub), stage);
    },
  };
}

/** openid-client's own errors quote answers; only their code is kept. */
async function asCoded<T>(work: Promise<T>, stage: Stage): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unexpected';
    throw codedCause(error) ?? unreadable(code, stage);
  }
}

/** Some providers write null for what they leave out. */
function withoutNulls(body: object): object {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

function formText(body: unknown): string {
  if (body instanceof URLSearchParams) return body.toString();
  throw new TypeError('a token request is a form');
}

function clientAuthentication(
  clientId: string,
  tokenEndpoint: string,
  credential: ClientCredential,
): ClientAuth {
  if (credential.method !== 'private_key_jwt') {
    const authenticateWith =
      credential.method === 'client_secret_basic' ? ClientSecretBasic : ClientSecretPost;
    return (...request) => authenticateWith(credential.clientSecret.reveal())(...request);
  }
  return async (_server, _client, body): Promise<void> => {
    body.set('client_id', clientId);
    body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    body.set('client_assertion', await credential.sign(clientId, tokenEndpoint));
  };
}
