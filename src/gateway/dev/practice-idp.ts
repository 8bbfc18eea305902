import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import Provider, {
  type ClientMetadata,
  type Configuration,
  errors,
  type KoaContextWithOIDC,
} from 'oidc-provider';
import { type Clock, systemClock } from '../../kernel/clock.ts';
import { createRowFile } from './practice-idp-file.ts';
import { createPracticePages } from './practice-idp-pages.ts';
import { createPracticeStore } from './practice-idp-store.ts';
import { PRACTICE_PEOPLE, type PracticePerson } from './practice-people.ts';

export interface PracticeIdpOptions {
  /** Of the server it is mounted on, e.g. `http://127.0.0.1:8080`. */
  readonly origin: string;
  readonly mountPath: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  readonly people?: readonly PracticePerson[];
  /** Added to the client's registration. */
  readonly clientMetadata?: Partial<ClientMetadata>;
  /** Default: a new RSA key for RS256. */
  readonly signing?: {
    readonly algorithm: 'RS256' | 'PS256' | 'ES256' | 'EdDSA';
    readonly privateKey: KeyObject;
  };
  readonly clock?: Clock;
  /** Keeps refresh tokens, so that sessions outlive the process; default: nothing is kept. */
  readonly keptIn?: string | undefined;
}

export interface PracticeIdp {
  readonly issuer: string;
  /** Serves the request when it is the provider's; false otherwise. */
  handle(message: IncomingMessage, response: ServerResponse): boolean;
  /** A disabled person can neither sign in nor refresh. */
  setDisabled(sub: string, isDisabled: boolean): void;
  /** What the client has to show from now on. */
  setClientSecret(clientSecret: string): void;
}

const SCOPES = ['openid', 'profile', 'email', 'groups', 'offline_access'];
const MAX_FORM_BYTES = 4096;
const MINUTE = 60;
const DAY = 24 * 60 * MINUTE;

/**
 * A real OpenID provider (oidc-provider) for `gateway --dev`, mounted below a path of the gateway's own
 * server. It lets everybody pick who they are: bind it to loopback only.
 */
export function createPracticeIdp(options: PracticeIdpOptions): PracticeIdp {
  const {
    origin,
    mountPath,
    clientId,
    redirectUri,
    people = PRACTICE_PEOPLE,
    clock = systemClock,
    keptIn,
  } = options;
  const issuer = `${origin}${mountPath}`;
  const disabled = new Set<string>();
  const pages = createPracticePages([new URL(redirectUri).origin]);
  let { clientSecret } = options;

  const findClient = (id: string): ClientMetadata | undefined =>
    id === clientId ? clientRegistration(options, clientSecret) : undefined;
  const findPerson = (sub: string): PracticePerson | undefined =>
    people.find((person) => person.sub === sub && !disabled.has(sub));

  const provider = new Provider(issuer, {
    ...policy(options),
    adapter: createPracticeStore(
      findClient,
      clock.now,
      keptIn === undefined ? undefined : createRowFile(keptIn),
    ),
    findAccount: (_context, sub) => {
      const person = findPerson(sub);
      if (!person) return undefined;
      const { name, email, groups } = person;
      return {
        accountId: sub,
        claims: () => ({ sub, name, email, email_verified: true, groups: [...groups] }),
      };
    },
    interactions: { url: (_context, { uid }) => `${mountPath}/choose/${uid}` },
    renderError: (context, { error }) => {
      context.respond = false;
      pages.problem(
        context.res,
        context.status,
        `The sign-in cannot go on (${error}). Start again from the terminal.`,
      );
    },
  });
  // Koa prints what it cannot answer; the answer already says it.
  provider.silent = true;
  const serve = provider.callback();

  const choose = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const interaction = await provider.interactionDetails(message, response);
      if (message.method !== 'POST') {
        const offered = people.filter(({ sub }) => !disabled.has(sub));
        return pages.choose(response, offered, String(interaction.params['client_id']));
      }
      const person = findPerson((await readForm(message)).get('person') ?? '');
      const result = person
        ? { login: { accountId: person.sub, remember: false } }
        : { error: 'access_denied', error_description: 'the sign-in was cancelled' };
      await provider.interactionFinished(message, response, result, { mergeWithLastSubmission: false });
    } catch (error) {
      if (!(error instanceof errors.OIDCProviderError)) throw error;
      pages.problem(
        response,
        400,
        'This sign-in has expired or belongs to another browser. Start again from the terminal.',
      );
    }
  };

  return {
    issuer,
    handle(message, response) {
      const [path = ''] = (message.url ?? '').split('?');
      if (path !== mountPath && !path.startsWith(`${mountPath}/`)) return false;
      // The provider builds its URLs from Host; they are fixed here.
      message.headers.host = new URL(origin).host;
      const inner = path.slice(mountPath.length);
      if (inner.startsWith('/choose/')) {
        choose(message, response).catch(() => response.destroy());
        return true;
      }
      Object.assign(message, { originalUrl: message.url });
      message.url = message.url?.slice(mountPath.length) || '/';
      serve(message, response).catch(() => response.destroy());
      return true;
    },
    setDisabled(sub, isDisabled) {
      if (isDisabled) disabled.add(sub);
      else disabled.delete(sub);
    },
    setClientSecret(value) {
      clientSecret = value;
    },
  };
}

function clientRegistration(
  { clientId, redirectUri, clientMetadata }: PracticeIdpOptions,
  clientSecret: string,
): ClientMetadata {
  return {
    client_id: clientId,
    client_secret: clientSecret,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    ...clientMetadata,
  };
}

/** What the provider offers; everything is set, because it comments on each default it uses. */
function policy({ signing, mountPath }: PracticeIdpOptions): Configuration {
  const { algorithm, privateKey } = signing ?? {
    algorithm: 'RS256',
    privateKey: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  };
  const key = privateKey.export({ format: 'jwk' });
  return {
    jwks: { keys: [{ ...key, kid: `practice-${algorithm}`, alg: algorithm, use: 'sig' }] },
    enabledJWA: { idTokenSigningAlgValues: [algorithm] },
    clientDefaults: { id_token_signed_response_alg: algorithm },
    scopes: SCOPES,
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    cookies: {
      keys: [randomBytes(32).toString('base64url')],
      // The session's cookie goes where no request goes: each sign-in asks anew who it is.
      long: { path: `${mountPath}/nowhere`, httpOnly: true, sameSite: 'lax' },
    },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      rpInitiatedLogout: { enabled: false },
    },
    clientBasedCORS: () => false,
    issueRefreshToken: async (_context, client) => client.grantTypeAllowed('refresh_token'),
    // A refresh token outlives the browser's session at the provider, which ends after minutes.
    expiresWithSession: async () => false,
    rotateRefreshToken: true,
    loadExistingGrant: consentToEverything,
    ttl: {
      AccessToken: 5 * MINUTE,
      AuthorizationCode: MINUTE,
      IdToken: 5 * MINUTE,
      Interaction: 10 * MINUTE,
      Session: 10 * MINUTE,
      RefreshToken: 30 * DAY,
      Grant: 30 * DAY,
    },
  };
}

/** There is nothing to consent to: the gateway is the only client. */
async function consentToEverything(context: KoaContextWithOIDC) {
  const { provider, client, session } = context.oidc;
  const ids = {
    ...(client ? { clientId: client.clientId } : {}),
    ...(session?.accountId ? { accountId: session.accountId } : {}),
  };
  const grant = new provider.Grant(ids);
  grant.addOIDCScope(SCOPES.join(' '));
  await grant.save();
  return grant;
}

async function readForm(message: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_FORM_BYTES) throw new errors.InvalidRequest('the form is too large');
    chunks.push(bytes);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
