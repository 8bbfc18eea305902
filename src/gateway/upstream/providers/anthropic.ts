import type { Secret } from '../../../kernel/secret.ts';
import { messageOf } from '../cloud-error-shapes.ts';
import { isUsageLimit } from '../cloud-error-words.ts';
import { judgedStream } from '../judged-stream.ts';
import type {
  Judgement,
  OutgoingRequest,
  Prepared,
  Provider,
  ProviderParts,
  Refusal,
  Verdict,
} from '../provider.ts';
import { createFederation, type FederationOptions } from './anthropic-federation.ts';
import {
  type HeaderCredential,
  lastingCredential,
  passingCredential,
  withCredential,
} from './header-credential.ts';
import { createMessagesFormat, messagesPrefix } from './messages-format.ts';

export interface AnthropicOptions {
  readonly baseUrl: string | undefined;
  readonly credential:
    | { readonly kind: 'api_key'; readonly apiKey: Secret }
    | { readonly kind: 'oauth_token'; readonly oauthToken: Secret }
    | { readonly kind: 'federation'; readonly federation: FederationOptions };
  /** Further headers of the operator's. */
  readonly headers: Readonly<Record<string, string>>;
  readonly forwardUserIdentity: boolean;
}

const DEFAULT_BASE_URL = 'https://api.anthropic.com';
const OAUTH_BETA = 'oauth-2025-04-20';

/**
 * The Anthropic API, or anything else that speaks the Messages API. Throws CodedError `config_invalid` for a federation
 * without TLS.
 */
export function createAnthropic(options: AnthropicOptions, parts: ProviderParts): Provider {
  const base = new URL(options.baseUrl ?? DEFAULT_BASE_URL);
  const prefix = messagesPrefix(base);
  const credential = openCredential(options.credential, `${base.origin}${prefix}`, parts);
  const neededBeta = options.credential.kind === 'api_key' ? undefined : OAUTH_BETA;
  const prepareMessages = createMessagesFormat({ prefix, headers: options.headers, neededBeta });

  const preparedWith = (credentialHeaders: readonly string[], request: OutgoingRequest): Prepared => {
    const { path, headers, body } = prepareMessages(request);
    headers.push(...credentialHeaders);
    if (options.forwardUserIdentity) headers.push(...identityHeaders(request.caller));
    return { path, headers, body };
  };

  const judge = ({ status, body }: Refusal): Judgement => ({
    verdict: verdictOf(status, body, options.forwardUserIdentity),
    shown: undefined,
  });
  const stream = { name: parts.name, log: parts.log, judge, watched: 'first' } as const;

  return {
    origin: base.origin,
    sendsPings: true,
    maxBodyBytes: undefined,
    boundsTimeToHeaders: true,
    countsTokens: true,
    ...withCredential(credential, preparedWith, judge),
    translate: (answer, request) => judgedStream(answer, request, stream),
  };
}

function openCredential(
  credential: AnthropicOptions['credential'],
  baseUrl: string,
  parts: ProviderParts,
): HeaderCredential {
  switch (credential.kind) {
    case 'api_key':
      return lastingCredential(['x-api-key', credential.apiKey.reveal()]);
    case 'oauth_token':
      return lastingCredential(['authorization', `Bearer ${credential.oauthToken.reveal()}`]);
    case 'federation':
      return passingCredential(createFederation(baseUrl, credential.federation, parts));
  }
}

/** Values that could not stand in a header (a name from an identity provider may hold anything) are left out. */
function identityHeaders({ sub, email }: OutgoingRequest['caller']): string[] {
  const headers = [
    ['x-claude-gateway-user-id', sub],
    ['x-claude-gateway-user-email', email],
    ['x-litellm-end-user-id', email],
  ] as const;
  return headers.flatMap(([name, value]) =>
    value !== undefined && /^[\x21-\x7e]+$/.test(value) ? [name, value] : [],
  );
}

function verdictOf(status: number, body: Buffer, isAboutDeveloper: boolean): Verdict {
  switch (status) {
    case 401:
    case 403:
      return 'account';
    case 402:
      return 'billing';
    case 404:
      return 'model_missing';
    case 429:
      return isAboutDeveloper ? 'final' : 'capacity';
    case 501:
      return 'unsupported';
    case 529:
      return 'capacity';
    case 408:
      return 'broken';
    case 400:
      return isUsageLimit(messageOf(body)) ? 'billing' : 'request';
    default:
      return status >= 400 && status < 500 ? 'request' : 'broken';
  }
}
