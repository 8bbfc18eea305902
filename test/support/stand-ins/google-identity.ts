import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportPKCS8, generateKeyPair, jwtVerify } from 'jose';

export const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const EMAIL = 'gateway@acme-ai.iam.gserviceaccount.com';
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const METADATA = '/computeMetadata/v1/instance';

/** Where Google's access tokens come from: a token endpoint that verifies assertions, and a metadata server. */
export interface GoogleIdentity {
  /** A service account's key file. */
  readonly keyFile: string;
  /** Grants, refused ones included. */
  readonly exchanges: readonly URLSearchParams[];
  /** How often the metadata server was asked for a token. */
  readonly metadataCalls: () => number;
  /** Given instead of a token, as often as it stands. */
  instead: { readonly status: number; readonly body: string } | undefined;
  lifetimeSeconds: number;
  /** Writes the key file anew, with other members or another text. */
  writeKey(changes?: Readonly<Record<string, unknown>> | string): Promise<void>;
  hasIssued(token: string | undefined): boolean;
  /** Takes back what was issued. */
  revoke(): void;
  /** True when the request was for it. */
  serve(message: IncomingMessage, body: Buffer, response: ServerResponse): Promise<boolean>;
  close(): Promise<void>;
}

export async function openGoogleIdentity(origin: () => string): Promise<GoogleIdentity> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const pem = await exportPKCS8(privateKey);
  const folder = await mkdtemp(join(tmpdir(), 'google-'));
  const keyFile = join(folder, 'key.json');
  const exchanges: URLSearchParams[] = [];
  const issued = new Set<string>();
  let minted = 0;
  let metadataCalls = 0;

  const isRight = async (form: URLSearchParams): Promise<boolean> => {
    const checks = { issuer: EMAIL, audience: `${origin()}/token`, algorithms: ['RS256'] };
    const verified = await jwtVerify(form.get('assertion') ?? '', publicKey, checks).catch(() => undefined);
    const { scope, iat = 0, exp = 0 } = verified?.payload ?? {};
    return form.get('grant_type') === GRANT_TYPE && scope === SCOPE && exp - iat > 0 && exp - iat <= 3600;
  };

  const mint = (response: ServerResponse, headers: Readonly<Record<string, string>> = {}): void => {
    minted += 1;
    const token = `ya29.stand-in-${minted}`;
    issued.add(token);
    const answer = { access_token: token, expires_in: identity.lifetimeSeconds, token_type: 'Bearer' };
    send(response, 200, JSON.stringify(answer), headers);
  };

  const serveGrant = async (message: IncomingMessage, body: Buffer, response: ServerResponse) => {
    const form = new URLSearchParams(body.toString());
    exchanges.push(form);
    if (identity.instead) return send(response, identity.instead.status, identity.instead.body);
    const isForm = message.headers['content-type']?.startsWith('application/x-www-form-urlencoded');
    if (message.method === 'POST' && isForm && (await isRight(form))) return mint(response);
    const refusal = { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' };
    send(response, 400, JSON.stringify(refusal));
  };

  const serveMetadata = ({ url = '', headers }: IncomingMessage, response: ServerResponse): void => {
    const flavour = { 'metadata-flavor': 'Google' };
    if (headers['metadata-flavor'] !== 'Google') return send(response, 403, '{}');
    if (!url.startsWith(`${METADATA}/service-accounts/default/token`))
      return send(response, 200, '{}', flavour);
    metadataCalls += 1;
    if (identity.instead) return send(response, identity.instead.status, identity.instead.body, flavour);
    mint(response, flavour);
  };

  const identity: GoogleIdentity = {
    keyFile,
    exchanges,
    metadataCalls: () => metadataCalls,
    instead: undefined,
    lifetimeSeconds: 3600,
    writeKey(changes = {}) {
      const key = {
        type: 'service_account',
        project_id: 'acme-ai',
        private_key_id: 'key-1',
        private_key: pem,
        client_email: EMAIL,
        token_uri: `${origin()}/token`,
      };
      return writeFile(
        keyFile,
        typeof changes === 'string' ? changes : JSON.stringify({ ...key, ...changes }),
      );
    },
    hasIssued: (token) => token !== undefined && issued.has(token),
    revoke: () => issued.clear(),
    async serve(message, body, response) {
      const { url = '' } = message;
      if (url === '/token') await serveGrant(message, body, response);
      else if (url.startsWith(METADATA)) serveMetadata(message, response);
      else return false;
      return true;
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
  return identity;
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(body);
}
