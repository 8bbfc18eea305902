import { createHash } from 'node:crypto';
import type { Handler } from '../http/router.ts';
import { contract } from './contract.ts';
import type { Endpoint } from './endpoints.ts';
import type { ProtocolFacts } from './facts.ts';
import { type Learnt, learntSection } from './learnt.ts';

/** `GET /protocol`, given the endpoints that it tells of, itself among them. */
export type ProtocolPage = (endpoints: () => readonly Endpoint[]) => Handler;

interface Page {
  readonly facts: ProtocolFacts;
  readonly learnt: readonly Learnt[];
  readonly contract: string;
  readonly body: Buffer;
  readonly etag: string;
}

/** Both give the same object until it changes. */
export interface ProtocolPageParts {
  readonly facts: () => ProtocolFacts;
  readonly learnt: () => readonly Learnt[];
}

/** The contract of the running gateway as Markdown: written when it is first asked for, and again when it has changed. */
export function createProtocolPage({ facts, learnt }: ProtocolPageParts): ProtocolPage {
  return (endpoints) => {
    let page: Page | undefined;

    const current = (): Page => {
      const now = { facts: facts(), learnt: learnt() };
      if (page?.facts === now.facts && page.learnt === now.learnt) return page;
      const text = page?.facts === now.facts ? page.contract : contract(now.facts, endpoints());
      const body = Buffer.from(`${text}\n${learntSection(now.learnt)}`);
      const digest = createHash('sha256').update(body).digest('base64url');
      page = { ...now, contract: text, body, etag: `"${digest}"` };
      return page;
    };

    return (request, reply) => {
      const { body, etag } = current();
      const headers = { etag, 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' };
      if (isKnownTag(request.headers['if-none-match'], etag)) return reply.send(304, headers);
      reply.send(200, { ...headers, 'content-type': 'text/markdown; charset=utf-8' }, body);
    };
  };
}

/** RFC 9110 section 13.1.2, but for `*`, which is as if it were absent. */
function isKnownTag(ifNoneMatch: string | undefined, etag: string): boolean {
  return ifNoneMatch?.includes(etag) ?? false;
}
