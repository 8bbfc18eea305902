import type { ClientHead } from './provider.ts';

/** Header names that clients may address to the upstream, by exact name. */
export const PASSED: ReadonlySet<string> = new Set([
  'content-type',
  'accept',
  'user-agent',
  'x-app',
  'traceparent',
]);
export const PASSED_PREFIXES: readonly string[] = ['anthropic-', 'x-stainless-', 'x-claude-code-'];
/** Exceptions from the prefixes: about this gateway's account, or for the gateway only. */
export const WITHHELD: readonly string[] = [
  'anthropic-workspace-id',
  'anthropic-organization-id',
  'x-claude-code-managed-settings-checksum',
];
/** Sent in a form of the gateway's own. */
const REWRITTEN = ['anthropic-beta', 'anthropic-version'];
const MAX_REMEMBERED_NAMES = 500;
const LONGEST_REMEMBERED_NAME = 100;

/** The beta of request tags, which are the gateway's own and never leave it. */
export const TAGS_BETA = 'request-tags-2026-08-21';

export const DEFAULT_ANTHROPIC_VERSION = '2023-06-01';

/**
 * Picks the headers that go along to an upstream in Messages format: names and values in turn, `anthropic-beta` and
 * `anthropic-version` left to the caller. `reserved` names are the descriptor's own and never taken from the client.
 */
export function createHeaderPicker(reserved: readonly string[]): (message: ClientHead) => string[] {
  const withheld = new Set([...WITHHELD, ...REWRITTEN, ...reserved.map((name) => name.toLowerCase())]);
  /** By the name as a client spelled it: the name to send, or '' for one that stays here. */
  const decisions = new Map<string, string>();

  const decide = (rawName: string): string => {
    const name = rawName.toLowerCase();
    const isPassed = PASSED.has(name) || PASSED_PREFIXES.some((prefix) => name.startsWith(prefix));
    const decision = isPassed && !withheld.has(name) ? name : '';
    if (decisions.size < MAX_REMEMBERED_NAMES && name.length <= LONGEST_REMEMBERED_NAME)
      decisions.set(rawName, decision);
    return decision;
  };

  return ({ rawHeaders, headers }) => {
    const nominated = nominatedBy(headers.connection);
    const picked: string[] = [];
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const rawName = rawHeaders[i] as string;
      const name = decisions.get(rawName) ?? decide(rawName);
      if (name !== '' && !nominated?.includes(name)) picked.push(name, rawHeaders[i + 1] as string);
    }
    return picked;
  };
}

/** What the gateway sends of its own to every upstream: bodies as they are, and the operator's headers. Names and values in turn. */
export function ownHeaders(headers: Readonly<Record<string, string>>): readonly string[] {
  const named = Object.entries(headers).flatMap(([name, value]) => [name.toLowerCase(), value]);
  return ['accept-encoding', 'identity', ...named];
}

/** Headers that `Connection` makes hop-by-hop (RFC 9110 section 7.6.1). */
function nominatedBy(connection: string | undefined): readonly string[] | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  return connection.split(',').map((name) => name.trim().toLowerCase());
}

/** A client's header by its name in lower case; undefined as well where `Connection` makes it hop-by-hop. */
export function clientHeader({ headers }: ClientHead, name: string): string | undefined {
  if (nominatedBy(headers.connection)?.includes(name)) return undefined;
  const value = headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

/** The client's betas without the gateway's own, plus those the credential needs; undefined when none is left. */
export function betasOf(message: ClientHead, needed: string | undefined): string | undefined {
  const text = clientHeader(message, 'anthropic-beta');
  if (text === undefined || text === '') return needed;
  if (!text.includes(TAGS_BETA) && needed === undefined) return text;
  const kept = text
    .split(',')
    .map((beta) => beta.trim())
    .filter((beta) => beta !== '' && beta !== TAGS_BETA);
  if (needed !== undefined && !kept.includes(needed)) kept.push(needed);
  return kept.length > 0 ? kept.join(',') : undefined;
}
