import { type MemberChange, spliceBody } from '../../../http/splice.ts';
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
import { betasOf, clientHeader, createHeaderPicker, ownHeaders } from '../../request-headers.ts';
import { withoutTagsBeta } from '../body-betas.ts';
import { passingCredential, withCredential } from '../header-credential.ts';
import { loadGoogleCredential } from './google-credential.ts';
import type { VertexOptions } from './options.ts';

const DIALECT = '"anthropic_version":"vertex-2023-10-16"';
const API_PATH = '/v1';
const MOST_BYTES = 30_000_000;
/** What names that stand for a version end with; counting refuses them. */
const ALIAS_SUFFIX = /@(?:default|latest)$/;

const RULES: CloudErrorRules = {
  codes: {},
  missingModel: /Publisher Model .{1,300}(?:not found|is not (?:available|servable|supported))/is,
};

/** Google Cloud's Agent Platform, also known as Vertex AI: the Messages API with the model in the path. */
export function createVertex(options: VertexOptions, parts: ProviderParts): Provider {
  const base = new URL(options.baseUrl ?? `https://${hostOf(options.region)}`);
  const place = `/projects/${segment(options.projectId)}/locations/${segment(options.region)}`;
  const prefix = `${base.pathname.replace(/\/+$/, '') || API_PATH}${place}/publishers/anthropic/models/`;
  const load = () => loadGoogleCredential(options, parts);
  const credential = passingCredential(createCredentialSource({ name: parts.name, load }, parts));
  const pickHeaders = createHeaderPicker(Object.keys(options.headers));
  const own = ownHeaders(options.headers);

  const preparedWith = (credentialHeaders: readonly string[], request: OutgoingRequest): Prepared => ({
    path: `${prefix}${callOf(request)}`,
    headers: [...pickHeaders(request.message), ...credentialHeaders, ...own, ...protocolHeaders(request)],
    body: bodyFor(request),
  });

  const judge = (refusal: Refusal): Judgement => cloudJudgement(refusal, RULES);
  const stream = { name: parts.name, log: parts.log, judge, watched: 'all' } as const;

  return {
    origin: base.origin,
    sendsPings: false,
    maxBodyBytes: MOST_BYTES,
    boundsTimeToHeaders: false,
    countsTokens: true,
    ...withCredential(credential, preparedWith, judge),
    translate: (answer, request) => judgedStream(answer, request, stream),
  };
}

function hostOf(region: string): string {
  if (region === 'global') return 'aiplatform.googleapis.com';
  if (region === 'us' || region === 'eu') return `aiplatform.${region}.rep.googleapis.com`;
  return `${region}-aiplatform.googleapis.com`;
}

/** The query, which is about betas, means nothing here. */
function callOf({ endpoint, upstreamModel, isStreamed }: OutgoingRequest): string {
  if (endpoint === 'count_tokens') return 'count-tokens:rawPredict';
  return `${segment(upstreamModel)}:${isStreamed ? 'streamRawPredict' : 'rawPredict'}`;
}

function segment(text: string): string {
  return encodeURIComponent(text).replaceAll('%40', '@').replaceAll('%3A', ':');
}

/** The version of the API is in the body. */
function protocolHeaders({ message }: OutgoingRequest): string[] {
  const hasType = clientHeader(message, 'content-type') !== undefined;
  const headers = hasType ? [] : ['content-type', 'application/json'];
  const betas = betasOf(message, undefined);
  return betas === undefined ? headers : [...headers, 'anthropic-beta', betas];
}

/** The client's bytes in Google's dialect. Only what counts tokens reads the model here. */
function bodyFor({ body, endpoint, upstreamModel }: OutgoingRequest): Buffer {
  const added = body.members.has('anthropic_version') ? [] : [DIALECT];
  if (endpoint === 'count_tokens')
    added.push(`"model":${JSON.stringify(upstreamModel.replace(ALIAS_SUFFIX, ''))}`);
  const inPlaceOfModel: MemberChange = [
    'model',
    added.length === 0 ? undefined : { members: added.join(',') },
  ];
  return spliceBody(body, [inPlaceOfModel, ['tags', undefined], ...withoutTagsBeta(body)]);
}
