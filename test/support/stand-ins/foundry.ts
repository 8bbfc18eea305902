import type { IncomingHttpHeaders } from 'node:http';
import { createFoundry } from '../../../src/gateway/upstream/providers/foundry/foundry.ts';
import type { FoundryOptions } from '../../../src/gateway/upstream/providers/foundry/options.ts';
import { secret } from '../../../src/kernel/secret.ts';
import { type Entra, type EntraForm, openEntra } from './entra.ts';
import { type Dress, envelope, type Refused, whole, writeAnswer } from './messages-answers.ts';
import { createScript, listenOnLoopback } from './scripted-answers.ts';
import { type AskedOf, PRIVATE_WORD, type ScriptedAnswer, type StandInKind } from './stand-in.ts';

export const FOUNDRY = { apiKey: 'foundry-key-of-the-resource', model: 'sonnet-of-acme' } as const;

export interface FoundryServer {
  readonly origin: string;
  /** Undefined: it takes its key. */
  readonly entra: Entra | undefined;
  readonly options: FoundryOptions;
  answer(next: ScriptedAnswer): void;
  readonly requests: readonly AskedOf[];
  close(): Promise<void>;
}

const PREFIX = '/anthropic';
const DRESS: Dress = {
  headers: { 'request-id': 'req_stand_in', 'apim-request-id': 'apim-stand-in' },
  refused: refusalOf,
};

/** A resource of Microsoft Foundry with one deployment, which takes its key or tokens of Entra ID. */
export async function startFoundry(kind: 'api_key' | EntraForm): Promise<FoundryServer> {
  const script = createScript();
  const requests: AskedOf[] = [];
  const entra = kind === 'api_key' ? undefined : await openEntra(kind);
  const server = await listenOnLoopback(({ url = '', headers }, body, response) => {
    const asked = askedOf(url, headers, body);
    requests.push(asked);
    const refusal = unauthorised(headers, entra) ?? unserved(asked);
    if (refusal) return whole(refusal, response, DRESS);
    writeAnswer(script.next(url.includes('/count_tokens')), response, DRESS);
  });
  return {
    origin: server.origin,
    entra,
    options: {
      endpoint: { kind: 'base_url', baseUrl: `${server.origin}${PREFIX}` },
      credential: entra
        ? { kind: 'entra', scope: undefined }
        : { kind: 'api_key', apiKey: secret(FOUNDRY.apiKey) },
      headers: {},
    },
    requests,
    answer: script.add,
    async close() {
      await server.close();
      await entra?.close();
    },
  };
}

const traits = {
  speaksMessagesApi: true,
  takesBetas: true,
  showsErrorsAsTheyAre: false,
  modelIn: 'body',
} as const;

export const foundryStandIns: readonly StandInKind[] = [
  { name: 'foundry (API key)', traits, start: () => start('api_key') },
  { name: 'foundry (Entra ID)', traits, start: () => start('client_secret') },
];

async function start(kind: 'api_key' | EntraForm) {
  const server = await startFoundry(kind);
  return {
    ...server,
    model: FOUNDRY.model,
    makeProvider: async (parts: Parameters<typeof createFoundry>[1]) => createFoundry(server.options, parts),
  };
}

function askedOf(url: string, headers: IncomingHttpHeaders, body: Buffer): AskedOf {
  const said = JSON.parse(body.toString());
  const betas = [headers['anthropic-beta']].flat().join(',');
  return {
    url,
    headers,
    body,
    model: String(said.model),
    betas: betas === '' ? [] : betas.split(',').map((beta) => beta.trim()),
    isStreamed: said.stream === true,
  };
}

/** One credential, and never two. */
function unauthorised(headers: IncomingHttpHeaders, entra: Entra | undefined): Refused | undefined {
  const { authorization, 'x-api-key': apiKey } = headers;
  if (entra) {
    const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
    return entra.hasIssued(token) && apiKey === undefined ? undefined : credentialRefused();
  }
  return apiKey === FOUNDRY.apiKey && authorization === undefined ? undefined : credentialRefused();
}

function unserved({ url, headers, model }: AskedOf): Refused | undefined {
  const [path = ''] = url.split('?');
  if (path !== `${PREFIX}/v1/messages` && path !== `${PREFIX}/v1/messages/count_tokens`)
    return azureError(404, '404', 'Resource not found');
  if (headers['anthropic-version'] === undefined)
    return envelope(400, 'invalid_request_error', 'anthropic-version: header is required');
  return model === FOUNDRY.model ? undefined : missingModel();
}

function credentialRefused(): Refused {
  return azureError(401, '401', 'Access denied due to invalid subscription key or wrong API endpoint.');
}

function missingModel(): Refused {
  return azureError(404, 'DeploymentNotFound', 'The API deployment for this resource does not exist.');
}

function azureError(status: number, code: string, message: string): Refused {
  return { status, body: { error: { code, message: `${message} (resource ${PRIVATE_WORD})` } } };
}

function refusalOf(answer: ScriptedAnswer): Refused {
  switch (answer.kind) {
    case 'throttled': {
      const seconds = answer.retryAfterSeconds;
      const refused = azureError(429, '429', 'Requests have exceeded the token rate limit');
      return seconds === undefined ? refused : { ...refused, headers: { 'retry-after': String(seconds) } };
    }
    case 'invalid':
      return { status: 400, body: { error: { code: 'BadRequest', message: answer.message } } };
    case 'credential_refused':
      return credentialRefused();
    case 'model_missing':
      return missingModel();
    case 'too_large':
      return azureError(413, 'RequestEntityTooLarge', 'The request entity is too large');
    default:
      return azureError(500, 'InternalServerError', 'The server had an error');
  }
}
