import { open } from 'node:fs/promises';
import type { AuthClient } from 'google-auth-library';
import { z } from 'zod';
import type { Clock } from '../../../../kernel/clock.ts';
import type { GuardedFetch } from '../../../exchange.ts';
import type { Lease } from '../../credential-source.ts';
import { inTime, vendorReason } from '../vendor-wait.ts';

export interface GoogleCredentialOptions {
  readonly projectId: string;
  /** Path of a service account's key file; undefined: application default credentials. */
  readonly serviceAccountFile: string | undefined;
}

export interface GoogleCredentialParts {
  readonly clock: Clock;
  /** For the token endpoint that a key file names. */
  readonly fetch: GuardedFetch;
}

const SCOPES = ['https://www.googleapis.com/auth/cloud-platform'];
const DEFAULT_TOKEN_URI = 'https://oauth2.googleapis.com/token';
const MAX_FILE_BYTES = 64 * 1024;
/** The metadata server may be slow, and programs of an external account may ask somebody. */
const LONGEST_LOAD_MS = 30_000;
const LONGEST_CALL_MS = 10_000;

const ServiceAccountKey = z.object({
  type: z.literal('service_account'),
  client_email: z.string().min(1),
  private_key: z.string().min(1),
  private_key_id: z.string().optional(),
  token_uri: z.url({ protocol: /^https?$/ }).default(DEFAULT_TOKEN_URI),
  quota_project_id: z.string().optional(),
});
type ServiceAccountKey = z.output<typeof ServiceAccountKey>;

/**
 * Headers with an access token of Google's, and the project that pays where the credential names one. Files are read anew
 * each time, for whoever rotates them.
 */
export async function loadGoogleCredential(
  options: GoogleCredentialOptions,
  { clock, fetch }: GoogleCredentialParts,
): Promise<Lease<readonly string[]>> {
  const lease = async (): Promise<Lease<readonly string[]>> => {
    const client = await openClient(options, fetch);
    const headers = await client.getRequestHeaders();
    const { access_token: token, expiry_date: endMs } = client.credentials;
    if (!token) throw new Error('the token endpoint answered without a token that can be used');
    const payer = headers.get('x-goog-user-project');
    return {
      value: ['authorization', `Bearer ${token}`, ...(payer ? ['x-goog-user-project', payer] : [])],
      // For an answer that does not say how long, the library says now.
      expiresAtMs: endMs && endMs > clock.now() ? endMs : undefined,
    };
  };
  try {
    return await inTime(lease(), 'Google', LONGEST_LOAD_MS, clock);
  } catch (error) {
    throw new Error(vendorReason(error));
  }
}

async function openClient(
  { projectId, serviceAccountFile }: GoogleCredentialOptions,
  fetch: GuardedFetch,
): Promise<AuthClient> {
  const { GoogleAuth, gcpMetadata } = await import('google-auth-library');
  if (serviceAccountFile !== undefined)
    return keyClient(await readKeyFile(serviceAccountFile), undefined, fetch);
  // It remembers for good that there is none, and in a pod it may come later than the gateway.
  gcpMetadata.resetIsAvailableCache();
  // With a project it looks for none, which would run programs.
  const auth = new GoogleAuth({ projectId, scopes: SCOPES });
  const client = await auth.getClient();
  const { data: key } = ServiceAccountKey.safeParse(auth.jsonContent);
  return key ? keyClient(key, client.quotaProjectId, fetch) : client;
}

/** The library's own client for a key, but that it asks where the key says: by itself it knows one token endpoint. */
async function keyClient(
  key: ServiceAccountKey,
  quotaProjectId: string | undefined,
  fetch: GuardedFetch,
): Promise<AuthClient> {
  const { JWT } = await import('google-auth-library');
  const payer = quotaProjectId ?? key.quota_project_id;
  return new JWT({
    email: key.client_email,
    key: key.private_key,
    ...(key.private_key_id === undefined ? {} : { keyId: key.private_key_id }),
    scopes: SCOPES,
    additionalClaims: { aud: key.token_uri },
    ...(payer === undefined ? {} : { quotaProjectId: payer }),
    transporterOptions: { fetchImplementation: tokenFetch(key.token_uri, fetch) },
  });
}

function tokenFetch(tokenUri: string, fetch: GuardedFetch): GuardedFetch {
  return (_url, { body } = {}) =>
    fetch(tokenUri, {
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: String(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(LONGEST_CALL_MS),
    }).catch((error: unknown) => {
      throw error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
    });
}

async function readKeyFile(path: string): Promise<ServiceAccountKey> {
  const said = parseJson(await readBounded(path));
  if (said === undefined) throw new Error(`${path} is not JSON`);
  const key = ServiceAccountKey.safeParse(said);
  if (key.success) return key.data;
  const { data: other } = z.object({ type: z.string().regex(/^[a-z_]{1,40}$/) }).safeParse(said);
  if (other && other.type !== 'service_account')
    throw new Error(
      `${path} is of type ${other.type} and not service_account: name it in GOOGLE_APPLICATION_CREDENTIALS`,
    );
  const keys = [...new Set(key.error.issues.map(({ path: [name] }) => String(name)))];
  throw new Error(`${path} is not the key of a service account: ${keys.join(', ')} cannot be used`);
}

async function readBounded(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_FILE_BYTES + 1));
    if (bytesRead > MAX_FILE_BYTES) throw new Error(`${path} is larger than ${MAX_FILE_BYTES} bytes`);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
