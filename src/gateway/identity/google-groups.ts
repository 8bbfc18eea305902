import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { SignJWT } from 'jose';
import { z } from 'zod';
import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import { unreadable } from './openid-errors.ts';
import type { ProviderFetch } from './openid-fetch.ts';

export interface GoogleGroupsOptions {
  /** Path of the service account's key file. */
  readonly serviceAccountJsonPath: string;
  /** The administrator in whose name the directory is read. */
  readonly adminEmail: string;
  /** Default: the key file's `token_uri`. */
  readonly tokenUrl?: string;
  readonly directoryUrl?: string;
}

/** The email addresses of the groups a person is in. */
export type GoogleGroups = (email: string, signal: AbortSignal) => Promise<readonly string[]>;

const TOKEN_URL = 'https://oauth2.googleapis.com/token';
const DIRECTORY_URL = 'https://admin.googleapis.com/admin/directory/v1/groups';
const SCOPE = 'https://www.googleapis.com/auth/admin.directory.group.readonly';
const LIFETIME_SECONDS = 3600;
/** An access token is not used in its last minute. */
const SPARE_MS = 60_000;
const MAX_PAGES = 100;

const KeyFile = z.object({
  client_email: z.string().min(1),
  private_key: z.string().min(1),
  private_key_id: z.string().optional(),
  token_uri: z.url().default(TOKEN_URL),
});
const TokenAnswer = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().default(0) });
const Page = z.object({
  groups: z.array(z.object({ email: z.string().min(1) })).default([]),
  nextPageToken: z.string().optional(),
});

/**
 * Looks groups up in Google's directory with a service account that acts for an administrator (RFC 7523 grant). Throws
 * CodedError `idp_misconfigured` when the key file or the delegation is wrong, `idp_unreachable` or `idp_answer` when the
 * directory does not answer as it should: a person never silently has no groups.
 */
export async function createGoogleGroups(
  options: GoogleGroupsOptions,
  { fetch, clock }: { readonly fetch: ProviderFetch; readonly clock: Clock },
): Promise<GoogleGroups> {
  const account = await readKeyFile(options.serviceAccountJsonPath);
  const tokenUrl = options.tokenUrl ?? account.tokenUri;
  const directoryUrl = options.directoryUrl ?? DIRECTORY_URL;
  let current: { readonly token: string; readonly expiresAtMs: number } | undefined;

  const accessToken = async (signal: AbortSignal): Promise<string> => {
    if (current && clock.monotonicMs() < current.expiresAtMs) return current.token;
    const askedAtMs = clock.monotonicMs();
    const issuedAt = Math.floor(clock.now() / 1000);
    const assertion = await new SignJWT({ scope: SCOPE })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(account.keyId ? { kid: account.keyId } : {}) })
      .setIssuer(account.email)
      .setSubject(options.adminEmail)
      .setAudience(tokenUrl)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + LIFETIME_SECONDS)
      .sign(account.key);
    const body = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion,
    });
    const response = await fetch(tokenUrl, { method: 'POST', body, signal }, 'google_token');
    const answer = TokenAnswer.safeParse(await json(response));
    if (!answer.success) throw unreadable('no access token', 'google_token');
    const { access_token: token, expires_in: seconds } = answer.data;
    current = { token, expiresAtMs: askedAtMs + seconds * 1000 - SPARE_MS };
    return token;
  };

  return async (email, signal) => {
    const headers = { authorization: `Bearer ${await accessToken(signal)}`, accept: 'application/json' };
    const found: string[] = [];
    let pageToken: string | undefined;
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const url = new URL(directoryUrl);
      url.searchParams.set('userKey', email);
      if (pageToken !== undefined) url.searchParams.set('pageToken', pageToken);
      const response = await fetch(url.href, { headers, signal }, 'google_groups');
      const page = Page.safeParse(await json(response));
      if (!page.success) throw unreadable('no list of groups', 'google_groups');
      found.push(...page.data.groups.map((group) => group.email));
      pageToken = page.data.nextPageToken;
      if (!pageToken) return found;
    }
    throw unreadable('a list of groups without an end', 'google_groups');
  };
}

interface ServiceAccount {
  readonly email: string;
  readonly key: KeyObject;
  readonly keyId: string | undefined;
  readonly tokenUri: string;
}

async function readKeyFile(path: string): Promise<ServiceAccount> {
  const wrong = (why: string) =>
    new CodedError('idp_misconfigured', {
      detail: `oidc.google_groups.service_account_json_path: ${path} ${why}`,
    });
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw wrong(`cannot be read (${error.code})`);
  });
  try {
    const file = KeyFile.parse(JSON.parse(text));
    return {
      email: file.client_email,
      key: createPrivateKey(file.private_key),
      keyId: file.private_key_id,
      tokenUri: file.token_uri,
    };
  } catch {
    // The parsers' words may quote the key.
    throw wrong('is not the key file of a service account');
  }
}

async function json(response: Response): Promise<unknown> {
  return response.json().catch(() => undefined);
}
