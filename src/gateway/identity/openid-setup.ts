import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Secret } from '../../kernel/secret.ts';
import { type ClientAssertionOptions, createClientAssertion } from './client-assertion.ts';
import { ID_TOKEN_ALGORITHMS, type IdTokenAlgorithm } from './id-token.ts';
import type { ProviderDocument } from './openid-discovery.ts';
import type { ClientCredential } from './openid-exchange.ts';

export type TokenEndpointAuthMethod = 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';

export interface CredentialOptions {
  readonly clientSecret?: Secret | undefined;
  readonly clientAssertion?: ClientAssertionOptions | undefined;
  /** Undefined: what the provider supports, `client_secret_basic` first. */
  readonly tokenEndpointAuthMethod?: TokenEndpointAuthMethod | undefined;
}

/** How to authenticate at the token endpoint. Throws CodedError `idp_misconfigured` naming the setting. */
export function chooseCredential(
  { clientSecret, clientAssertion, tokenEndpointAuthMethod }: CredentialOptions,
  document: ProviderDocument,
  parts: { readonly clock: Clock; readonly log: Log },
): ClientCredential {
  const method = tokenEndpointAuthMethod ?? negotiatedMethod(document);
  if (method === 'private_key_jwt') {
    if (!clientAssertion)
      throw misconfigured('client_assertion', 'private_key_jwt needs a key and a certificate');
    return { method, sign: createClientAssertion(clientAssertion, parts) };
  }
  if (!clientSecret) throw misconfigured('client_secret', `${method} needs one`);
  return { method, clientSecret };
}

/** Throws `idp_misconfigured` for what can never work, warns of what will probably not. */
export function checkSetup(
  options: { readonly userinfoFallback: boolean; readonly idTokenSignedResponseAlg: IdTokenAlgorithm },
  document: ProviderDocument,
  log: Log,
): void {
  const { userinfoFallback, idTokenSignedResponseAlg: algorithm } = options;
  if (!ID_TOKEN_ALGORITHMS.includes(algorithm))
    throw misconfigured(
      'id_token_signed_response_alg',
      `one of ${ID_TOKEN_ALGORITHMS.join(', ')} is expected`,
    );
  if (userinfoFallback && document.userinfo_endpoint === undefined)
    throw misconfigured('userinfo_fallback', 'the provider names no userinfo_endpoint');
  const offered = document.id_token_signing_alg_values_supported;
  if (offered && !offered.includes(algorithm)) {
    log.warn(
      `oidc.id_token_signed_response_alg is ${algorithm}, but the provider announces ${offered.join(', ')}: sign-ins will probably be refused`,
    );
  }
}

/** RFC 8414 section 2: `client_secret_basic` when nothing is announced. */
function negotiatedMethod({ token_endpoint_auth_methods_supported: offered }: ProviderDocument) {
  if (!offered || offered.includes('client_secret_basic')) return 'client_secret_basic';
  if (offered.includes('client_secret_post')) return 'client_secret_post';
  throw misconfigured(
    'token_endpoint_auth_method',
    `the provider announces none that a client secret can serve (${offered.join(', ')})`,
  );
}

function misconfigured(setting: string, why: string): CodedError {
  return new CodedError('idp_misconfigured', { detail: `oidc.${setting}: ${why}` });
}
