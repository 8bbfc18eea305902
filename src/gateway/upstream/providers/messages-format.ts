import { type MemberChange, spliceBody } from '../../http/splice.ts';
import type { OutgoingRequest, Prepared } from '../provider.ts';
import {
  betasOf,
  clientHeader,
  createHeaderPicker,
  DEFAULT_ANTHROPIC_VERSION,
  ownHeaders,
} from '../request-headers.ts';

export interface MessagesFormatOptions {
  /** Path of the base URL, without `/v1` and without a `/` at the end. */
  readonly prefix: string;
  /** Sent with every request, and never taken from the client. */
  readonly headers: Readonly<Record<string, string>>;
  /** What the credential needs among the betas. */
  readonly neededBeta?: string | undefined;
}

/** The request in the Messages API's own format, all but its credential. */
export type PrepareMessages = (request: OutgoingRequest) => Prepared;

const PATHS = { messages: '/v1/messages', count_tokens: '/v1/messages/count_tokens' } as const;

export function createMessagesFormat({
  prefix,
  headers,
  neededBeta,
}: MessagesFormatOptions): PrepareMessages {
  const pickHeaders = createHeaderPicker(Object.keys(headers));
  const own = ownHeaders(headers);
  return (request) => ({
    path: `${prefix}${PATHS[request.endpoint]}${request.query}`,
    headers: [...pickHeaders(request.message), ...own, ...protocolHeaders(request, neededBeta)],
    body: bodyFor(request),
  });
}

/** The path of a base URL as operators write it, with or without `/v1`. */
export function messagesPrefix({ pathname }: URL): string {
  return pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
}

function protocolHeaders({ message }: OutgoingRequest, neededBeta: string | undefined): string[] {
  const version = clientHeader(message, 'anthropic-version') ?? DEFAULT_ANTHROPIC_VERSION;
  const own = ['anthropic-version', version];
  const betas = betasOf(message, neededBeta);
  if (betas !== undefined) own.push('anthropic-beta', betas);
  if (clientHeader(message, 'content-type') === undefined) own.push('content-type', 'application/json');
  return own;
}

/** The client's bytes, but for the model's name where it differs and the gateway's own tags. */
function bodyFor({ body, upstreamModel }: OutgoingRequest): Buffer {
  const changes: MemberChange[] = [];
  if (body.model !== upstreamModel) changes.push(['model', JSON.stringify(upstreamModel)]);
  if (body.members.has('tags')) changes.push(['tags', undefined]);
  return changes.length === 0 ? body.bytes : spliceBody(body, changes);
}
