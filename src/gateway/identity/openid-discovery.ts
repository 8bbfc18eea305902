import { z } from 'zod';
import type { Clock } from '../../kernel/clock.ts';
import { CodedError, isCodedError } from '../../kernel/coded-error.ts';
import { escapeControl } from '../../kernel/log.ts';
import { withinBudget } from './openid-budget.ts';
import type { ProviderFetch } from './openid-fetch.ts';

export interface DiscoveryOptions {
  readonly issuer: string;
  /** Where the discovery document is when it is not below the issuer. */
  readonly discoveryUrl: string | undefined;
  readonly budgetMs: number;
}

const Endpoint = z.url({ protocol: /^https?$/ });
const Words = z.array(z.string()).optional().catch(undefined);
const Document = z.object({
  issuer: z.url({ protocol: /^https?$/ }),
  authorization_endpoint: Endpoint,
  token_endpoint: Endpoint,
  jwks_uri: Endpoint,
  userinfo_endpoint: Endpoint.optional(),
  authorization_response_iss_parameter_supported: z.boolean().default(false).catch(false),
  token_endpoint_auth_methods_supported: Words,
  id_token_signing_alg_values_supported: Words,
});

/** What the gateway uses of a discovery document, in the document's own words. */
export type ProviderDocument = Readonly<z.infer<typeof Document>>;

const ENDPOINTS = ['authorization_endpoint', 'token_endpoint', 'jwks_uri', 'userinfo_endpoint'] as const;

const REACH_FIX =
  'the gateway needs it to start: check the address, name resolution, firewalls, and oidc.use_proxy when the way leads through a proxy';
const PLACE_FIX =
  'check oidc.issuer, and name the document in oidc.discovery_url when it is not below the issuer';

/**
 * Reads the provider's discovery document (OpenID Connect Discovery 1.0 section 4). Throws CodedError `idp_unreachable`
 * when nothing answers, `idp_misconfigured` when what answers is not this issuer's document.
 */
export async function discoverProvider(
  { issuer, discoveryUrl, budgetMs }: DiscoveryOptions,
  { fetch, clock }: { readonly fetch: ProviderFetch; readonly clock: Clock },
): Promise<ProviderDocument> {
  const setting = discoveryUrl === undefined ? 'oidc.issuer' : 'oidc.discovery_url';
  const url = discoveryUrl ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const misconfigured = (why: string) =>
    new CodedError('idp_misconfigured', { detail: `${setting}: ${why} (${url})` });

  const body = await withinBudget(clock, budgetMs, async (signal): Promise<unknown> => {
    const response = await fetch(url, { headers: { accept: 'application/json' }, signal }, 'discovery');
    return response.json().catch(() => undefined);
  }).catch((error: unknown) => {
    if (!isCodedError(error)) throw error;
    if (error.code !== 'idp_unreachable')
      throw misconfigured(`no discovery document: ${error.detail}; ${PLACE_FIX}`);
    const detail = `${setting} ${url} ${error.detail}; ${REACH_FIX}`;
    throw new CodedError(error.code, { detail, cause: error });
  });
  const parsed = Document.safeParse(body);
  if (!parsed.success) {
    const names = [...new Set(parsed.error.issues.map(({ path }) => path.join('.')))].filter(Boolean);
    throw misconfigured(
      names.length > 0
        ? `the discovery document lacks or garbles ${names.join(', ')}`
        : `this is no discovery document; ${PLACE_FIX}`,
    );
  }
  const document = parsed.data;
  if (!isSameIssuer(document.issuer, issuer)) {
    const named = escapeControl(document.issuer).slice(0, 200);
    throw misconfigured(
      `issuer mismatch: the discovery document says ${named}, oidc.issuer ${issuer}; they must be the same`,
    );
  }
  const isPlain = ENDPOINTS.some((name) => document[name]?.startsWith('http:'));
  if (isPlain && !isTestSetUp(issuer))
    throw misconfigured('the discovery document of an https issuer names plain http endpoints');
  return document;
}

/** An `http://` issuer: the requests to it and to its endpoints may go unencrypted. */
export function isTestSetUp(issuer: string): boolean {
  return new URL(issuer).protocol === 'http:';
}

/** Equal but for the slash of an empty path, which people leave out. */
function isSameIssuer(found: string, configured: string): boolean {
  return new URL(found).href === new URL(configured).href;
}
