import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { createAuthority } from '../tls.ts';

const TENANT = '0b8a9c0e-1111-4222-8333-444455556666';
const CLIENT = '0b8a9c0e-7777-4222-8333-444455556666';
const CLIENT_SECRET = 'secret~of~the~application';
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const AUDIENCE = 'api://AzureADTokenExchange';
const TOKEN_PATH = `/${TENANT}/oauth2/v2.0/token`;
const authority = createAuthority();

export type EntraForm = 'client_secret' | 'workload_identity' | 'managed_identity';

/** Entra ID's token endpoint, and an App Service's own. */
export interface Entra {
  /** What was sent to the token endpoint. */
  readonly exchanges: readonly URLSearchParams[];
  /** Resources that the App Service's endpoint was asked for. */
  readonly managed: readonly string[];
  scope: string;
  /** Given instead of a token, as often as it stands. */
  instead: { readonly status: number; readonly body: string } | undefined;
  /** Takes requests for tokens and answers none. */
  isSilent: boolean;
  lifetimeSeconds: number;
  hasIssued(token: string | undefined): boolean;
  revoke(): void;
  close(): Promise<void>;
}

/**
 * Starts one, trusted by this process and named in its environment until it is closed. Nothing else of the default chain
 * can be reached meanwhile.
 */
export async function openEntra(form: EntraForm): Promise<Entra> {
  const exchanges: URLSearchParams[] = [];
  const managed: string[] = [];
  const issued = new Set<string>();
  const workload = await openWorkload();
  const { key, cert } = authority.issue(['IP:127.0.0.1', 'DNS:localhost']);
  let minted = 0;

  const mint = (): string => {
    minted += 1;
    const token = `entra-token-${minted}`;
    issued.add(token);
    return token;
  };

  const serveToken = async (body: string, response: ServerResponse): Promise<void> => {
    const sent = new URLSearchParams(body);
    exchanges.push(sent);
    if (entra.isSilent) return;
    if (entra.instead) return send(response, entra.instead.status, entra.instead.body);
    if (!isAsked(sent, entra.scope) || !(await isProven(sent, form, workload)))
      return send(response, 401, refusal('AADSTS7000215: Invalid client secret provided.'));
    const { lifetimeSeconds } = entra;
    const times = { expires_in: lifetimeSeconds, ext_expires_in: lifetimeSeconds };
    send(response, 200, JSON.stringify({ token_type: 'Bearer', ...times, access_token: mint() }));
  };

  const serveManaged = ({ url = '', headers }: IncomingMessage, response: ServerResponse): void => {
    if (headers['x-identity-header'] !== 'identity-header') return send(response, 401, '{}');
    const { searchParams } = new URL(url, origin());
    managed.push(searchParams.get('resource') ?? '');
    const expires_on = String(Math.floor(Date.now() / 1000) + entra.lifetimeSeconds);
    const resource = searchParams.get('resource');
    send(
      response,
      200,
      JSON.stringify({ access_token: mint(), expires_on, resource, token_type: 'Bearer', client_id: CLIENT }),
    );
  };

  const server = createServer({ key, cert }, async (message, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk);
    const { url = '', method } = message;
    if (url.startsWith('/msi/token')) return serveManaged(message, response);
    if (url.includes('/.well-known/openid-configuration'))
      return send(response, 200, JSON.stringify(metadata(origin())));
    if (url.startsWith(TOKEN_PATH) && method === 'POST')
      return serveToken(Buffer.concat(chunks).toString(), response);
    send(response, 404, '{}');
  });
  const origin = () => `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const distrust = trust(authority.certificate);
  const leave = enter(environmentFor(form, origin(), workload.tokenFile));

  const entra: Entra = {
    exchanges,
    managed,
    scope: 'https://ai.azure.com/.default',
    instead: undefined,
    isSilent: false,
    lifetimeSeconds: 3600,
    hasIssued: (token) => token !== undefined && issued.has(token),
    revoke: () => issued.clear(),
    async close() {
      leave();
      distrust();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await workload.close();
    },
  };
  return entra;
}

interface Workload {
  readonly tokenFile: string;
  isItsToken(token: string): Promise<boolean>;
  close(): Promise<void>;
}

/** A pod with a projected token. */
async function openWorkload(): Promise<Workload> {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const folder = await mkdtemp(join(tmpdir(), 'entra-'));
  const tokenFile = join(folder, 'token');
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'RS256' })
    .setAudience(AUDIENCE)
    .setSubject('system:serviceaccount:tools:sallyport')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey);
  await writeFile(tokenFile, token);
  return {
    tokenFile,
    isItsToken: (sent) =>
      jwtVerify(sent, publicKey, { audience: AUDIENCE, algorithms: ['RS256'] }).then(
        () => true,
        () => false,
      ),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

function isAsked(sent: URLSearchParams, scope: string): boolean {
  const scopes = (sent.get('scope') ?? '').split(' ');
  return (
    sent.get('grant_type') === 'client_credentials' &&
    sent.get('client_id') === CLIENT &&
    scopes.includes(scope)
  );
}

async function isProven(sent: URLSearchParams, form: EntraForm, workload: Workload): Promise<boolean> {
  if (form === 'client_secret') return sent.get('client_secret') === CLIENT_SECRET;
  return (
    sent.get('client_assertion_type') === ASSERTION_TYPE &&
    sent.get('client_secret') === null &&
    workload.isItsToken(sent.get('client_assertion') ?? '')
  );
}

function environmentFor(form: EntraForm, origin: string, tokenFile: string): Record<string, string> {
  const application = {
    AZURE_TENANT_ID: TENANT,
    AZURE_CLIENT_ID: CLIENT,
    AZURE_AUTHORITY_HOST: origin,
  };
  switch (form) {
    case 'client_secret':
      return {
        ...application,
        AZURE_CLIENT_SECRET: CLIENT_SECRET,
        AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential',
      };
    case 'workload_identity':
      return {
        ...application,
        AZURE_FEDERATED_TOKEN_FILE: tokenFile,
        AZURE_TOKEN_CREDENTIALS: 'WorkloadIdentityCredential',
      };
    case 'managed_identity':
      return {
        IDENTITY_ENDPOINT: `${origin}/msi/token`,
        IDENTITY_HEADER: 'identity-header',
        AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential',
      };
  }
}

function metadata(origin: string): object {
  return {
    issuer: `${origin}/${TENANT}/v2.0`,
    authorization_endpoint: `${origin}/${TENANT}/oauth2/v2.0/authorize`,
    token_endpoint: `${origin}${TOKEN_PATH}`,
    jwks_uri: `${origin}/${TENANT}/discovery/v2.0/keys`,
  };
}

function refusal(description: string): string {
  return JSON.stringify({ error: 'invalid_client', error_description: description, error_codes: [7000215] });
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body);
}

function trust(certificate: string): () => void {
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, certificate]);
  return () => setDefaultCACertificates(before);
}

function enter(variables: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}
