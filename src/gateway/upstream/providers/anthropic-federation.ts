import { open } from 'node:fs/promises';
import { z } from 'zod';
import { CodedError } from '../../../kernel/coded-error.ts';
import { kindOfAddress, parseIpAddress } from '../../../kernel/ip-address.ts';
import { escapeControl } from '../../../kernel/log.ts';
import type { GuardedFetch } from '../../exchange.ts';
import { type CredentialSource, createCredentialSource, type Lease } from '../credential-source.ts';
import type { ProviderParts } from '../provider.ts';

/** Workload Identity Federation: the workload's own OpenID token is exchanged for one of the Anthropic API. */
export interface FederationOptions {
  /** `fdrl_…` */
  readonly federationRuleId: string;
  /** A UUID. */
  readonly organizationId: string;
  /** Holds the workload's token and nothing else; read anew for each exchange, for whoever rotates it. */
  readonly identityTokenFile: string;
  /** `wrkspc_…` or `default`. */
  readonly workspaceId: string | undefined;
  /** `svac_…` */
  readonly serviceAccountId: string | undefined;
}

const EXCHANGE_BETAS = 'oauth-2025-04-20,oidc-federation-2026-04-01';
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const MAX_TOKEN_FILE_BYTES = 16 * 1024;
const MAX_ANSWER_BYTES = 1024 * 1024;
const EXCHANGE_TIMEOUT_MS = 30_000;

const TokenAnswer = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]+$/),
  expires_in: z.number().positive(),
});
/** The API's envelope, or that of RFC 6749 section 5.2. */
const Refused = z.union([
  z.object({ error: z.object({ type: z.string(), message: z.string().default('') }) }),
  z.object({ error: z.string(), error_description: z.string().default('') }),
]);

/**
 * Bearer headers from exchanges at `<baseUrl>/v1/oauth/token` (published source: the vendor's SDK). Throws CodedError
 * `config_invalid` when the token would travel in the clear.
 */
export function createFederation(
  baseUrl: string,
  options: FederationOptions,
  { name, clock, log, fetch }: ProviderParts,
): CredentialSource<readonly string[]> {
  const endpoint = new URL(`${baseUrl}/v1/oauth/token`);
  if (endpoint.protocol !== 'https:' && !isThisMachine(endpoint.hostname)) {
    const detail = `upstreams: ${name} exchanges identity tokens, so its base_url must be https`;
    throw new CodedError('config_invalid', { detail });
  }

  const load = async (): Promise<Lease<readonly string[]>> => {
    const assertion = await readIdentityToken(options.identityTokenFile);
    const startedAtMs = clock.now();
    const { access_token: token, expires_in: seconds } = await exchange(fetch, endpoint, {
      grant_type: GRANT_TYPE,
      assertion,
      federation_rule_id: options.federationRuleId,
      organization_id: options.organizationId,
      service_account_id: options.serviceAccountId,
      workspace_id: options.workspaceId,
    });
    return { value: ['authorization', `Bearer ${token}`], expiresAtMs: startedAtMs + seconds * 1000 };
  };

  return createCredentialSource({ name, load }, { clock, log });
}

async function readIdentityToken(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_TOKEN_FILE_BYTES + 1));
    if (bytesRead > MAX_TOKEN_FILE_BYTES)
      throw new Error(`identity token file ${path} is larger than ${MAX_TOKEN_FILE_BYTES} bytes`);
    const token = buffer.toString('utf8', 0, bytesRead).trim();
    if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token))
      throw new Error(`identity token file ${path} holds no signed JWT`);
    return token;
  } finally {
    await file.close();
  }
}

async function exchange(
  fetch: GuardedFetch,
  endpoint: URL,
  body: Readonly<Record<string, string | undefined>>,
): Promise<z.output<typeof TokenAnswer>> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-beta': EXCHANGE_BETAS },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(EXCHANGE_TIMEOUT_MS),
  });
  const answer = parseJson(await readBounded(response));
  if (response.status !== 200) throw new Error(refusalText(response, answer));
  const parsed = TokenAnswer.safeParse(answer);
  if (!parsed.success) throw new Error('the token endpoint answered 200 without a token that can be used');
  return parsed.data;
}

async function readBounded({ body }: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    // Leaving the loop ends the transfer.
    if (size > MAX_ANSWER_BYTES) throw new Error('the token endpoint answered more than 1 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function refusalText({ status, headers }: Response, answer: unknown): string {
  const { data } = Refused.safeParse(answer);
  const said = data && ('error_description' in data ? [data.error, data.error_description] : wordsOf(data));
  // A refusal may quote what it refuses.
  const words = said?.join(': ').includes('eyJ') ? said.slice(0, 1) : said;
  const why = words === undefined ? '' : ` ${escapeControl(words.join(': ')).slice(0, 300)}`;
  return `the token endpoint answered ${status}${why} (request id ${escapeControl(headers.get('request-id') ?? '-').slice(0, 100)})`;
}

function wordsOf({ error }: { readonly error: { readonly type: string; readonly message: string } }) {
  return [error.type, error.message];
}

function isThisMachine(hostname: string): boolean {
  const address = parseIpAddress(hostname);
  return address ? kindOfAddress(address) === 'loopback' : /^(?:.+\.)?localhost\.?$/i.test(hostname);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
