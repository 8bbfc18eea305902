import type { IncomingHttpHeaders } from 'node:http';
import type { ProviderParts } from '../../../src/gateway/upstream/provider.ts';
import { type AnthropicOptions, createAnthropic } from '../../../src/gateway/upstream/providers/anthropic.ts';
import { secret } from '../../../src/kernel/secret.ts';
import { type IdentityExchange, openIdentityExchange } from './anthropic-identity.ts';
import { type Dress, envelope, writeAnswer } from './messages-answers.ts';
import { createScript, listenOnLoopback } from './scripted-answers.ts';
import { type AskedOf, PRIVATE_WORD, type StandIn, type StandInKind } from './stand-in.ts';

export const ANTHROPIC = { apiKey: 'sk-ant-api03-stand-in', model: 'claude-stand-in' } as const;
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
  { name: 'anthropic (API key)', traits, start: startAnthropic },
  { name: 'anthropic (OAuth token)', traits, start: () => start('oauth_token') },
  { name: 'anthropic (identity federation)', traits, start: () => start('federation') },
];

const dress: Dress = {
  headers: { 'request-id': 'req_stand_in' },
  refused(answer) {
    switch (answer.kind) {
      case 'invalid':
        return envelope(400, 'invalid_request_error', answer.message);
      case 'throttled': {
        const { retryAfterSeconds: seconds } = answer;
        const headers: Record<string, string> =
          seconds === undefined ? {} : { 'retry-after': String(seconds) };
        return { ...envelope(429, 'rate_limit_error', 'over the limit'), headers };
      }
      case 'credential_refused':
        return envelope(401, 'authentication_error', `invalid ${PRIVATE_WORD}`);
      case 'model_missing':
        return envelope(404, 'not_found_error', 'model: claude-stand-in');
      case 'too_large':
        return envelope(413, 'request_too_large', 'Request exceeds the maximum size');
      default:
        return envelope(500, 'api_error', 'Internal server error');
    }
  },
};

/** The API, which takes its key. */
export function startAnthropic(): Promise<StandIn> {
  return start('api_key');
}

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
    const answer = isKnown ? script.next(isCount) : ({ kind: 'model_missing' } as const);
    writeAnswer(
      isAccepted(kind, headers, exchange) ? answer : { kind: 'credential_refused' },
      response,
      dress,
    );
  });

  return {
    origin: server.origin,
    model: ANTHROPIC.model,
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
  if (kind === 'api_key') return { kind, apiKey: secret(ANTHROPIC.apiKey) };
  if (kind === 'oauth_token') return { kind, oauthToken: secret(OAUTH_TOKEN) };
  return { kind, federation: exchange.options };
}

/** One credential and never two; a bearer only with its beta. */
function isAccepted(kind: CredentialKind, headers: IncomingHttpHeaders, exchange: IdentityExchange): boolean {
  const { authorization, 'x-api-key': apiKey } = headers;
  if (kind === 'api_key') return apiKey === ANTHROPIC.apiKey && authorization === undefined;
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
