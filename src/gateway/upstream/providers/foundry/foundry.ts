import { type CloudErrorRules, cloudJudgement } from '../../cloud-errors.ts';
import { createCredentialSource } from '../../credential-source.ts';
import { judgedStream } from '../../judged-stream.ts';
import type {
  Judgement,
  OutgoingRequest,
  Prepared,
  Provider,
  ProviderParts,
  Refusal,
} from '../../provider.ts';
import {
  type HeaderCredential,
  lastingCredential,
  passingCredential,
  withCredential,
} from '../header-credential.ts';
import { createMessagesFormat, messagesPrefix } from '../messages-format.ts';
import { loadEntraToken } from './entra-token.ts';
import type { FoundryOptions } from './options.ts';

const DEFAULT_SCOPE = 'https://ai.azure.com/.default';
const RULES: CloudErrorRules = { codes: {} };

/** Microsoft Foundry: the Messages API, where a model is called by the name of its deployment. */
export function createFoundry(options: FoundryOptions, parts: ProviderParts): Provider {
  const base = new URL(
    options.endpoint.kind === 'base_url'
      ? options.endpoint.baseUrl
      : `https://${options.endpoint.resource}.services.ai.azure.com/anthropic`,
  );
  const credential = openCredential(options.credential, parts);
  const prepareMessages = createMessagesFormat({ prefix: messagesPrefix(base), headers: options.headers });

  const preparedWith = (credentialHeaders: readonly string[], request: OutgoingRequest): Prepared => {
    const { path, headers, body } = prepareMessages(request);
    return { path, headers: [...headers, ...credentialHeaders], body };
  };

  const judge = (refusal: Refusal): Judgement => cloudJudgement(refusal, RULES);
  const stream = { name: parts.name, log: parts.log, judge, watched: 'all' } as const;

  return {
    origin: base.origin,
    sendsPings: false,
    maxBodyBytes: undefined,
    boundsTimeToHeaders: false,
    countsTokens: true,
    ...withCredential(credential, preparedWith, judge),
    translate: (answer, request) => judgedStream(answer, request, stream),
  };
}

/** One or the other, never both: the endpoint takes the key for the credential then. */
function openCredential(credential: FoundryOptions['credential'], parts: ProviderParts): HeaderCredential {
  if (credential.kind === 'api_key') return lastingCredential(['x-api-key', credential.apiKey.reveal()]);
  const scope = credential.scope ?? DEFAULT_SCOPE;
  const load = () => loadEntraToken(scope, parts.clock);
  return passingCredential(createCredentialSource({ name: parts.name, load }, parts));
}
