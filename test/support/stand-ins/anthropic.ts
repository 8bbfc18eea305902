import type { IncomingHttpHeaders } from 'node:http';
import type { ProviderParts } from '../../../src/gateway/upstream/provider.ts';
import { type AnthropicOptions, createAnthropic } from '../../../src/gateway/upstream/providers/anthropic.ts';
import { secret } from '../../../src/kernel/secret.ts';
import { type IdentityExchange, openIdentityExchange } from './anthropic-identity.ts';
import { createScript, envelope, listenOnLoopback, type Refusals, sendAsEvents } from './scripted-answers.ts';
import { type AskedOf, PRIVATE_WORD, type StandIn, type StandInKind } from './stand-in.ts';

const API_KEY = 'sk-ant-api03-stand-in';
const OAUTH_TOKEN = 'sk-ant-oat01-stand-in';
const OAUTH_BETA = 'oauth-2025-04-20';
const traits = {
  speaksMessagesApi: true,
  takesBetas: true,
  showsErrorsAsTheyAre: true,
  modelIn: 'body',
} as const;

type CredentialKind = AnthropicOptions['credential']['kind'];

/** The Anthropic API, with the credential of each kind. */
export const anthropicStandIns: readonly StandInKind[] = [
  { name: 'anthropic (API key)', traits, start: () => start('api_key') },
  { name: 'anthropic (OAuth token)', traits, start: () => start('oauth_token') },
  { name: 'anthropic (identity federation)', traits, start: () => start('federation') },
];

const refusals: Refusals = {
  invalid: (message) => ({ status: 400, body: envelope('invalid_request_error', message) }),
  throttled: () => ({ status: 429, body: envelope('rate_limit_error', 'over the limit') }),
  credential_refused: () => ({
    status: 401,
    body: envelope('authentication_error', `invalid ${PRIVATE_WORD}`),
  }),
  model_missing: () => ({ status: 404, body: envelope('not_found_error', 'model: claude-stand-in') }),
  failed: () => ({ status: 500, body: envelope('api_error', 'Internal server error') }),
  too_large: () => ({ status: 413, body: envelope('request_too_large', 'Request exceeds the maximum size') }),
};

async function start(kind: CredentialKind): Promise<StandIn> {
  const script = createScript();
  const requests: AskedOf[] = [];
  const exchange = await openIdentityExchange();

  const server = await listenOnLoopback(async ({ url = '', headers }, body, response) => {
    if (url === '/v1/oauth/token') return exchange.serve(headers, body, response);
    const asked = readAsked(url, headers, body);
    requests.push(asked);
    const isCount = url.startsWith('/v1/messages/count_tokens');
    const isKnown = isCount || /^\/v1\/messages(?:\?|$)/.test(url);
    const answer = isAccepted(kind, headers, exchange)
      ? script.next(isCount)
      : ({ kind: 'credential_refused' } as const);
    sendAsEvents(response, isKnown ? answer : { kind: 'model_missing' }, refusals, {
      'request-id': 'req_upstream',
    });
  });

  return {
    origin: server.origin,
    model: 'claude-stand-in',
    requests,
    answer: script.add,
    makeProvider: async (parts: ProviderParts) =>
      createAnthropic(
        {
          baseUrl: server.origin,
          credential: credentialOf(kind, exchange),
          headers: {},
          forwardUserIdentity: false,
        },
        parts,
      ),
    async close() {
      await server.close();
      await exchange.close();
    },
  };
}

function credentialOf(kind: CredentialKind, exchange: IdentityExchange): AnthropicOptions['credential'] {
  if (kind === 'api_key') return { kind, apiKey: secret(API_KEY) };
  if (kind === 'oauth_token') return { kind, oauthToken: secret(OAUTH_TOKEN) };
  return { kind, federation: exchange.options };
}

/** One credential and never two; a bearer only with its beta. */
function isAccepted(kind: CredentialKind, headers: IncomingHttpHeaders, exchange: IdentityExchange): boolean {
  const { authorization, 'x-api-key': apiKey } = headers;
  if (kind === 'api_key') return apiKey === API_KEY && authorization === undefined;
  const bearer = authorization?.replace(/^Bearer /, '');
  const isKnown = kind === 'oauth_token' ? bearer === OAUTH_TOKEN : exchange.hasIssued(bearer);
  return isKnown && apiKey === undefined && betasIn(headers).includes(OAUTH_BETA);
}

function betasIn(headers: IncomingHttpHeaders): string[] {
  return String(headers['anthropic-beta'] ?? '')
    .split(',')
    .map((beta) => beta.trim())
    .filter((beta) => beta !== '');
}

function readAsked(url: string, headers: IncomingHttpHeaders, body: Buffer): AskedOf {
  const parsed: { readonly model?: string; readonly stream?: boolean } = JSON.parse(body.toString());
  return {
    url,
    headers,
    body,
    model: parsed.model ?? '',
    betas: betasIn(headers).filter((beta) => beta !== OAUTH_BETA),
    isStreamed: parsed.stream === true,
  };
}
