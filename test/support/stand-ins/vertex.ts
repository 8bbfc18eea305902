import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { VertexOptions } from '../../../src/gateway/upstream/providers/vertex/options.ts';
import { createVertex } from '../../../src/gateway/upstream/providers/vertex/vertex.ts';
import { type GoogleIdentity, openGoogleIdentity } from './google-identity.ts';
import { type Dress, envelope, type Refused, whole, writeAnswer } from './messages-answers.ts';
import { createScript, listenOnLoopback } from './scripted-answers.ts';
import { type AskedOf, PRIVATE_WORD, type ScriptedAnswer, type StandInKind } from './stand-in.ts';

export const VERTEX = {
  region: 'us-east5',
  projectId: 'acme-ai',
  model: 'claude-sonnet-4-5@20250929',
} as const;

export interface VertexServer {
  readonly origin: string;
  readonly identity: GoogleIdentity;
  /** With a service account's key. */
  readonly options: VertexOptions;
  answer(next: ScriptedAnswer): void;
  /** Answers requests that are let in, in place of scripted answers. */
  answerAll(how: (response: ServerResponse) => void): void;
  readonly requests: readonly AskedOf[];
  close(): Promise<void>;
}

const MODELS = `/v1/projects/${VERTEX.projectId}/locations/${VERTEX.region}/publishers/anthropic/models/`;

/** Google Cloud's endpoint for Claude, and where its tokens come from. */
export async function startVertex(): Promise<VertexServer> {
  const script = createScript();
  const requests: AskedOf[] = [];
  let answerAll: ((response: ServerResponse) => void) | undefined;

  const server = await listenOnLoopback(async (message, body, response) => {
    if (await identity.serve(message, body, response)) return;
    const asked = askedOf(message.url ?? '', message.headers, body);
    requests.push(asked);
    const isStreamPath = asked.url.endsWith(':streamRawPredict');
    const dress = dressOf(isStreamPath);
    const refusal = unauthorised(message.headers, identity) ?? unserved(asked, isStreamPath);
    if (refusal) return whole(refusal, response, dress);
    if (answerAll) return answerAll(response);
    const answer = script.next(asked.url.includes('/count-tokens:'));
    writeAnswer(answer, response, dress);
  });
  const identity = await openGoogleIdentity(() => server.origin);
  await identity.writeKey();

  return {
    origin: server.origin,
    identity,
    options: {
      region: VERTEX.region,
      projectId: VERTEX.projectId,
      baseUrl: server.origin,
      serviceAccountFile: identity.keyFile,
      headers: {},
    },
    requests,
    answer: script.add,
    answerAll(how) {
      answerAll = how;
    },
    async close() {
      await server.close();
      await identity.close();
    },
  };
}

export const vertex: StandInKind = {
  name: 'vertex',
  traits: { speaksMessagesApi: false, takesBetas: true, showsErrorsAsTheyAre: false, modelIn: 'path' },
  async start() {
    const server = await startVertex();
    return {
      ...server,
      model: VERTEX.model,
      makeProvider: async (parts) => createVertex(server.options, parts),
    };
  },
};

function askedOf(url: string, headers: IncomingHttpHeaders, body: Buffer): AskedOf {
  const [, name = ''] = /\/models\/([^/:]+):(?:rawPredict|streamRawPredict)$/.exec(url) ?? [];
  const said = JSON.parse(body.toString());
  const betas = [headers['anthropic-beta']].flat().join(',');
  return {
    url,
    headers,
    body,
    model: name === 'count-tokens' ? String(said.model) : decodeURIComponent(name),
    betas: betas === '' ? [] : betas.split(',').map((beta) => beta.trim()),
    isStreamed: url.endsWith(':streamRawPredict'),
  };
}

/** One credential, which is a token of Google's. */
function unauthorised(headers: IncomingHttpHeaders, identity: GoogleIdentity): Refused | undefined {
  const token = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
  if (identity.hasIssued(token) && headers['x-api-key'] === undefined) return undefined;
  return googleError(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.');
}

function unserved({ url, body, model }: AskedOf, isStreamPath: boolean): Refused | undefined {
  if (!url.startsWith(MODELS) || url.includes('?'))
    return googleError(404, 'NOT_FOUND', `The requested URL ${url} was not found`);
  const said = JSON.parse(body.toString());
  if (typeof said.anthropic_version !== 'string')
    return envelope(400, 'invalid_request_error', 'anthropic_version: Field required');
  const isCount = url.includes('/count-tokens:');
  if (!isCount && said.model !== undefined)
    return envelope(400, 'invalid_request_error', 'model: Extra inputs are not permitted');
  if ((said.stream === true) !== isStreamPath)
    return googleError(400, 'INVALID_ARGUMENT', 'stream and the method differ');
  if (isCount && /@(?:default|latest)$/.test(model))
    return envelope(400, 'invalid_request_error', 'model: unknown version');
  return model.startsWith(VERTEX.model.split('@')[0] ?? '') ? undefined : missingModel();
}

function missingModel(): Refused {
  const message = `Publisher Model \`projects/${PRIVATE_WORD}/models/x\` was not found or your project does not have access to it.`;
  return googleError(404, 'NOT_FOUND', message);
}

function googleError(code: number, status: string, message: string): Refused {
  return { status: code, body: { error: { code, message: `${message} (project ${PRIVATE_WORD})`, status } } };
}

/** What Google says of a streamed request comes in a list of one at times. */
function dressOf(isStreamPath: boolean): Dress {
  return {
    headers: { 'request-id': 'req_stand_in' },
    refused(answer) {
      const refused = refusalOf(answer);
      return isStreamPath ? { ...refused, body: [refused.body].flat() } : refused;
    },
  };
}

function refusalOf(answer: ScriptedAnswer): Refused {
  switch (answer.kind) {
    case 'throttled': {
      const seconds = answer.retryAfterSeconds;
      const refused = googleError(
        429,
        'RESOURCE_EXHAUSTED',
        'Quota exceeded for aiplatform.googleapis.com/online_prediction_input_tokens_per_minute_per_base_model',
      );
      return seconds === undefined ? refused : { ...refused, headers: { 'retry-after': String(seconds) } };
    }
    case 'invalid':
      return {
        status: 400,
        body: { error: { code: 400, message: answer.message, status: 'INVALID_ARGUMENT' } },
      };
    case 'credential_refused':
      return googleError(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.');
    case 'model_missing':
      return missingModel();
    case 'too_large':
      return googleError(413, 'INVALID_ARGUMENT', 'Request payload size exceeds the limit');
    default:
      return googleError(500, 'INTERNAL', 'Internal error encountered.');
  }
}
