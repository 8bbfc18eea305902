import type { BodyMember, ScannedBody } from '../exchange.ts';
import { EACH, type FieldPath, findFields } from '../http/body-fields.ts';

/**
 * What may be left out for an upstream that refuses it, without the developer being told: nothing that changes what is
 * asked or how it is answered. Everything else is relayed, and the client decides.
 */

const CACHE_SCOPE = ['cache_control', 'scope'] as const;

const FIELDS: Readonly<Record<string, readonly FieldPath[]>> = {
  metadata: [['metadata']],
  diagnostics: [['diagnostics']],
  'cache_control.scope': [
    CACHE_SCOPE,
    ['system', EACH, ...CACHE_SCOPE],
    ['tools', EACH, ...CACHE_SCOPE],
    ['messages', EACH, 'content', EACH, ...CACHE_SCOPE],
    ['messages', EACH, 'content', EACH, 'content', EACH, ...CACHE_SCOPE],
    ['messages', EACH, 'content', EACH, 'source', 'content', EACH, ...CACHE_SCOPE],
  ],
};

/**
 * Betas by name without date, each with the words by which the body makes use of it: with one of these in it the beta is
 * needed. A beta that changes answers without a word in the body (`context-1m`, `output-128k`) is not here.
 */
const BETAS: Readonly<Record<string, readonly string[]>> = {
  'advanced-tool-use': ['defer_loading', 'allowed_callers', 'input_examples', 'tool_search_tool'],
  'advisor-tool': ['advisor'],
  'cache-diagnosis': ['diagnostics'],
  'claude-code': [],
  'code-execution': ['code_execution'],
  'computer-use': ['computer'],
  'context-management': ['context_management'],
  effort: ['output_config'],
  'extended-cache-ttl': ['ttl'],
  'fast-mode': ['speed'],
  'files-api': ['file_id', 'file'],
  'fine-grained-tool-streaming': ['eager_input_streaming'],
  'mcp-client': ['mcp_servers'],
  memory: ['memory'],
  pdfs: ['document'],
  'prompt-caching': ['cache_control'],
  'prompt-caching-scope': ['scope'],
  'search-results': ['search_result'],
  skills: ['container', 'skills'],
  'structured-outputs': ['output_format', 'output_config', 'strict'],
  'thinking-token-count': [],
  'token-counting': [],
  'token-efficient-tools': [],
  'tool-examples': ['input_examples'],
  'tool-search-tool': ['defer_loading', 'tool_search_tool'],
  'user-profiles': ['user_profile_id'],
  'web-search': ['web_search'],
};

/** Where the entry stands, and behind `cache_control` perhaps its type, as the model's side writes paths. */
const SCOPE_PATH = /(?:^|\.)cache_control(?:\.\w+)?\.scope$/;

/**
 * The entry of the table that an upstream names; undefined: it must stay. A member within an entry is none: what is wrong
 * with that is one developer's, and the entry would be left out for all.
 */
export function harmlessField(name: string): string | undefined {
  if (SCOPE_PATH.test(name)) return 'cache_control.scope';
  return Object.hasOwn(FIELDS, name) ? name : undefined;
}

/** Whether a body can do without a beta. One that is used in it, or unknown here, must stay. */
export function canDoWithout(beta: string, { bytes }: ScannedBody): boolean {
  const name = beta.replace(/-\d{4}-?\d{2}-?\d{2}$/, '');
  const words = Object.hasOwn(BETAS, name) ? BETAS[name] : undefined;
  // As a key, a type or the beginning of one: once too often says no more than that the beta stays.
  return words?.every((word) => !bytes.includes(`"${word}`)) ?? false;
}

/** Where the body has a field of the table, or the operator's own one at the top. */
export function placesOf(field: string, { bytes }: ScannedBody): readonly BodyMember[] {
  const last = field.slice(field.lastIndexOf('.') + 1);
  if (!bytes.includes(`"${last}"`)) return [];
  return findFields(bytes, (Object.hasOwn(FIELDS, field) ? FIELDS[field] : undefined) ?? [[field]]);
}
