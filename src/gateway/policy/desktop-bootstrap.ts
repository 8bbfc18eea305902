import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Audit, Caller } from '../exchange.ts';
import { identityAttributes } from './desktop-document.ts';
import { isKnownTag } from './entity-tag.ts';
import type { CallerHandler } from './models-endpoint.ts';
import { digest } from './served-settings.ts';

/** Why Claude Desktop gets nothing: nowhere a `desktop` block, none in this developer's policy, or no policy at all. */
export type DesktopDenial = 'not_configured' | 'policy_not_opted_in' | 'no_policy_matched';

export interface DesktopDocument {
  readonly kind: 'document';
  /** JSON of a flat object that is not empty. */
  readonly json: string;
  /** Whether who it is belongs to it. */
  readonly namesPerson: boolean;
}

export type DesktopAnswer = DesktopDocument | { readonly kind: 'denied'; readonly reason: DesktopDenial };

export interface DesktopBootstrapParts {
  readonly desktopOf: (caller: Caller) => DesktopAnswer;
  readonly audit: Audit;
  readonly clock: Clock;
}

const LIFETIME_SECONDS = 3600;
const SENTENCES: Readonly<Record<DesktopDenial, string>> = {
  not_configured: 'this gateway has no configuration for Claude Desktop',
  policy_not_opted_in: 'your policy has no configuration for Claude Desktop',
  no_policy_matched: 'no policy matches you, so there is no configuration for Claude Desktop',
};

/** `GET /user/bootstrap`: the configuration of Claude Desktop. When it ends is no part of what its entity tag stands for. */
export function createDesktopBootstrapEndpoint({
  desktopOf,
  audit,
  clock,
}: DesktopBootstrapParts): CallerHandler {
  const write = rememberedWriter();
  return (request, reply, caller) => {
    const who = { sub: caller.sub, email: caller.email, client_ip: request.clientIp };
    const answer = desktopOf(caller);
    if (answer.kind === 'denied') {
      audit('desktop_bootstrap.denied', request.requestId, { ...who, reason: answer.reason });
      throw new CodedError('not_found', { facts: { sentence: SENTENCES[answer.reason] } });
    }
    const { json, etag } = write(answer, caller);
    const headers = { 'cache-control': 'no-store', etag };
    const isKnown = isKnownTag(request.headers['if-none-match'], etag);
    audit('desktop_bootstrap.serve', request.requestId, { ...who, status: isKnown ? 304 : 200 });
    if (isKnown) return reply.send(304, headers);
    const expiresAt = Math.floor(clock.now() / 1000) + LIFETIME_SECONDS;
    reply.send(
      200,
      { ...headers, 'content-type': 'application/json' },
      withMember(json, 'expiresAt', expiresAt),
    );
  };
}

interface Written {
  readonly of: DesktopDocument;
  readonly json: string;
  readonly etag: string;
}

/** What one developer gets, written out and summed up once as long as it is the same. */
function rememberedWriter(): (document: DesktopDocument, caller: Caller) => Written {
  const written = new WeakMap<DesktopDocument | Caller, Written>();
  return (document, caller) => {
    const key = document.namesPerson ? caller : document;
    const known = written.get(key);
    if (known?.of === document) return known;
    const json = document.namesPerson
      ? withMember(document.json, 'otlpResourceAttributes', identityAttributes(caller))
      : document.json;
    const made = { of: document, json, etag: `"${digest(json)}"` };
    written.set(key, made);
    return made;
  };
}

/** One more member at the end of an object that is not empty. */
function withMember(json: string, key: string, value: unknown): string {
  return `${json.slice(0, -1)},${JSON.stringify(key)}:${JSON.stringify(value)}}`;
}
