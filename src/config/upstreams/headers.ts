import { headerMap } from '../headers.ts';

export const headersShape = headerMap().meta({
  title: 'Headers',
  description: 'Headers added to every request to this upstream.',
  examples: [{ 'x-cost-centre': 'platform' }],
});

/** Credentials, and what the request itself says. */
const RESERVED = ['authorization', 'x-api-key', 'host', 'content-type', 'user-agent'];
const RESERVED_PREFIXES = ['anthropic-', 'x-goog-', 'x-amz-', 'x-amzn-'];

/** What to do about a header that requests to an upstream have anyway; undefined of any other. */
export function hintForReserved(name: string, provider: string | undefined): string | undefined {
  if (!RESERVED.includes(name) && !RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix)))
    return undefined;
  if (provider !== 'anthropic') return 'remove it';
  if (name === 'x-api-key') return 'write auth: { api_key: … }';
  return name === 'authorization' ? 'write auth: { oauth_token: … }' : 'remove it';
}
