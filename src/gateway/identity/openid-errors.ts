import { CodedError, isCodedError } from '../../kernel/coded-error.ts';
import { escapeControl } from '../../kernel/log.ts';

/** Where the provider was asked; appears in details. */
export type Stage =
  | 'discovery'
  | 'keys'
  | 'callback'
  | 'code_exchange'
  | 'refresh'
  | 'userinfo'
  | 'userinfo_no_id_token'
  | 'google_token'
  | 'google_groups';

interface Meaning {
  readonly code: 'idp_unreachable' | 'idp_misconfigured' | 'idp_answer';
  readonly fix: string;
}

/**
 * OAuth errors of the token endpoint that speak about the person; every other one is about the gateway or the network. At a
 * sign-in `invalid_grant` speaks about the code: a callback that is loaded again shows one that has been used.
 */
const ABOUT_THE_PERSON: Readonly<Partial<Record<Stage, ReadonlySet<string>>>> = {
  code_exchange: new Set(['access_denied']),
  refresh: new Set([
    'invalid_grant',
    'access_denied',
    'login_required',
    'interaction_required',
    'consent_required',
  ]),
};

const misconfigured = (fix: string): Meaning => ({ code: 'idp_misconfigured', fix });
const passing: Meaning = { code: 'idp_unreachable', fix: 'the provider asks to try again later' };
const GRANTS_FIX = 'allow this client the authorization code and refresh token grants at the provider';
const GOOGLE_FIX =
  'check oidc.google_groups: the service account needs domain-wide delegation for the directory scope, admin_email an administrator';

const OAUTH_ERRORS: Readonly<Record<string, Meaning>> = {
  invalid_grant: {
    code: 'idp_answer',
    fix: 'the code was used already or has expired, or is not for this redirect URI and verifier',
  },
  invalid_client: misconfigured(
    'check oidc.client_id, oidc.client_secret or the client certificate (it may have expired) and oidc.token_endpoint_auth_method',
  ),
  unauthorized_client: misconfigured(GRANTS_FIX),
  unsupported_grant_type: misconfigured(GRANTS_FIX),
  invalid_scope: misconfigured('check oidc.scopes and oidc.scope_on_refresh'),
  insufficient_scope: misconfigured('check oidc.scopes'),
  temporarily_unavailable: passing,
  server_error: passing,
  slow_down: passing,
};

/** What an answer other than 200 means; reads its OAuth error, from the body or else from the challenge, and nothing more. */
export async function failureOfAnswer(response: Response, stage: Stage): Promise<CodedError> {
  const { status } = response;
  const error = (await bodyError(response)) ?? challengeError(response);
  const name = error !== undefined && /^[a-z_]{1,40}$/.test(error) ? error : undefined;
  const what = name === undefined ? `HTTP ${status}` : `${name} (HTTP ${status})`;
  const facts = { kind: name ?? `http_${status}` };
  if (status === 429 || status >= 500) {
    return new CodedError('idp_unreachable', { detail: `${what} (at ${stage})`, facts });
  }
  if (stage === 'google_token' || stage === 'google_groups') {
    return new CodedError('idp_misconfigured', { detail: `${what} (at ${stage}, ${GOOGLE_FIX})`, facts });
  }
  if (name !== undefined && ABOUT_THE_PERSON[stage]?.has(name)) {
    const refusal = { reason: name };
    return new CodedError('sign_in_refused', { detail: `${what} (at ${stage})`, facts: refusal });
  }
  const meaning = name === undefined ? undefined : OAUTH_ERRORS[name];
  const detail = `${what} (at ${stage}${meaning ? `, ${meaning.fix}` : ''})`;
  return new CodedError(meaning?.code ?? 'idp_answer', { detail, facts });
}

/** What a request that got no answer means. */
export function failureOfRequest(error: unknown, stage: Stage): CodedError {
  if (isCodedError(error) && error.code !== 'address_refused') return error;
  const refused = [...causes(error)].find((cause) => isCodedError(cause, 'address_refused'));
  const why = isCodedError(refused) ? (refused.detail ?? refused.code) : networkCodeOf(error);
  const fix = /CERT|UNABLE_TO_(?:VERIFY|GET)/.test(why) ? ', oidc.ca_cert_pem names a private authority' : '';
  return new CodedError('idp_unreachable', {
    detail: `cannot be reached: ${escapeControl(why)} (at ${stage}${fix})`,
    facts: { kind: 'network' },
    cause: error,
  });
}

/** An answer that arrived and cannot be used. `what` holds nothing of the answer. */
export function unreadable(what: string, stage: Stage): CodedError {
  return new CodedError('idp_answer', { detail: `${what} (at ${stage})`, facts: { kind: what } });
}

/** The CodedError that a library has wrapped. */
export function codedCause(error: unknown): CodedError | undefined {
  return [...causes(error)].find((cause) => isCodedError(cause));
}

async function bodyError(response: Response): Promise<string | undefined> {
  try {
    const body: unknown = await response.json();
    return body instanceof Object && 'error' in body && typeof body.error === 'string'
      ? body.error
      : undefined;
  } catch {
    // Not JSON, or cut off: the status says what there is to know.
    return undefined;
  }
}

/** RFC 6750 section 3: `WWW-Authenticate: Bearer error="invalid_token"`. */
function challengeError(response: Response): string | undefined {
  return /\berror="([^"]*)"/.exec(response.headers.get('www-authenticate') ?? '')?.[1];
}

function networkCodeOf(error: unknown): string {
  for (const cause of causes(error)) {
    if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  }
  return 'the connection failed';
}

function* causes(error: unknown): Generator<unknown> {
  let current = error;
  for (let depth = 0; depth < 8 && current !== undefined && current !== null; depth += 1) {
    yield current;
    current = current instanceof Error ? current.cause : undefined;
  }
}
