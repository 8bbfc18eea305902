import { z } from 'zod';
import { CodedError } from '../kernel/coded-error.ts';
import { DEVICE_CODE_GRANT, paths, REFRESH_TOKEN_GRANT } from '../kernel/protocol.ts';
import type { GatewayConnection } from './gateway-connection.ts';
import { type JsonAnswer, requestJson, retryAfterSeconds } from './json-request.ts';

/** What a developer approves in a browser (RFC 8628 section 3.2). Its texts come from the gateway: print them cleaned. */
export interface DeviceGrant {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete: string | undefined;
  readonly expiresInSeconds: number;
  readonly intervalSeconds: number;
  readonly loginNotice: string | undefined;
}

export interface TokenSet {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly refreshToken: string | undefined;
  readonly email: string | undefined;
}

/** An OAuth error is an answer here: some of them only mean "not yet". */
export type TokenAnswer =
  | { readonly kind: 'tokens'; readonly tokens: TokenSet }
  | {
      readonly kind: 'error';
      readonly status: number;
      /** RFC 6749 section 5.2; empty when the answer is not an OAuth error. */
      readonly error: string;
    };

/** The gateway's OAuth endpoints as a public client without a secret sees them. */
export interface OAuthClient {
  /** Throws `sign_in_limited` or `gateway_answer`. */
  authorizeDevice(signal?: AbortSignal): Promise<DeviceGrant>;
  redeem(deviceCode: string, signal?: AbortSignal): Promise<TokenAnswer>;
  refresh(refreshToken: string, signal?: AbortSignal): Promise<TokenAnswer>;
  /** RFC 7009. Resolves to whether the gateway confirmed. */
  revoke(token: string, signal?: AbortSignal): Promise<boolean>;
}

const CLIENT_ID = 'sallyport';

export function createOAuthClient(connection: GatewayConnection): OAuthClient {
  let discovered: Promise<Endpoints> | undefined;

  async function post(endpoint: keyof Endpoints, form: Record<string, string>, signal?: AbortSignal) {
    discovered ??= discover(connection, signal);
    // A failed discovery is asked for again by the next call.
    discovered.catch(() => {
      discovered = undefined;
    });
    return requestJson(connection, {
      method: 'POST',
      path: (await discovered)[endpoint],
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: new URLSearchParams(form).toString(),
      ...(signal ? { signal } : {}),
    });
  }

  return {
    async authorizeDevice(signal) {
      const form = { client_id: CLIENT_ID, surface: CLIENT_ID };
      return readGrant(await post('deviceAuthorization', form, signal));
    },
    async redeem(deviceCode, signal) {
      const form = { grant_type: DEVICE_CODE_GRANT, device_code: deviceCode, client_id: CLIENT_ID };
      return readTokens(await post('token', form, signal));
    },
    async refresh(refreshToken, signal) {
      const form = { grant_type: REFRESH_TOKEN_GRANT, refresh_token: refreshToken, client_id: CLIENT_ID };
      return readTokens(await post('token', form, signal));
    },
    async revoke(token, signal) {
      const { status } = await post('revocation', { token, client_id: CLIENT_ID }, signal);
      return status === 200;
    },
  };
}

/** Paths, never whole URLs: a discovery document cannot lead a token to another origin. */
interface Endpoints {
  readonly deviceAuthorization: string;
  readonly token: string;
  readonly revocation: string;
}

/** RFC 8414. An endpoint counts only if it is absolute and on the gateway's own origin. */
async function discover(connection: GatewayConnection, signal?: AbortSignal): Promise<Endpoints> {
  const { status, json } = await requestJson(connection, {
    method: 'GET',
    path: paths.discovery,
    headers: { accept: 'application/json' },
    ...(signal ? { signal } : {}),
  });
  const document = z.record(z.string(), z.unknown()).safeParse(json);
  const stated = status === 200 && document.success ? document.data : {};
  const pathOf = (name: string, fallback: string) => ownPath(stated[name], connection.origin) ?? fallback;
  return {
    deviceAuthorization: pathOf('device_authorization_endpoint', paths.deviceAuthorization),
    token: pathOf('token_endpoint', paths.token),
    revocation: pathOf('revocation_endpoint', paths.revocation),
  };
}

function ownPath(value: unknown, origin: string): string | undefined {
  const url = typeof value === 'string' ? URL.parse(value) : null;
  return url?.origin === origin ? `${url.pathname}${url.search}` : undefined;
}

const grantFormat = z.object({
  device_code: z.string().min(1),
  user_code: z.string().min(1).max(64),
  verification_uri: z.string().min(1).max(2048),
  verification_uri_complete: z.string().max(2048).optional(),
  expires_in: z.number().positive(),
  interval: z.number().positive().optional(),
  login_notice: z.string().max(2000).optional(),
});

/** RFC 8628 section 3.2: five seconds when the gateway names no interval. */
const DEFAULT_INTERVAL_SECONDS = 5;

function readGrant({ status, json, headers }: JsonAnswer): DeviceGrant {
  if (status === 429) {
    const seconds = retryAfterSeconds(headers);
    throw new CodedError('sign_in_limited', { facts: seconds === undefined ? {} : { seconds } });
  }
  if (status >= 500) throw new CodedError('temporarily_unavailable', { facts: { status } });
  const parsed = grantFormat.safeParse(json);
  if (status !== 200 || !parsed.success) {
    const why = `asked for a sign-in code, it answered ${status} without one`;
    throw new CodedError('gateway_answer', { facts: { why } });
  }
  const { data } = parsed;
  return {
    deviceCode: data.device_code,
    userCode: data.user_code,
    verificationUri: data.verification_uri,
    verificationUriComplete: data.verification_uri_complete,
    expiresInSeconds: Math.min(data.expires_in, 3600),
    intervalSeconds: Math.min(data.interval ?? DEFAULT_INTERVAL_SECONDS, 60),
    loginNotice: data.login_notice || undefined,
  };
}

const tokenFormat = z.object({
  access_token: z.string().min(1),
  token_type: z.string().regex(/^bearer$/i),
  expires_in: z.number().positive(),
  refresh_token: z.string().min(1).optional(),
  email: z.string().optional(),
});

const errorFormat = z.object({ error: z.string().max(100) });

function readTokens({ status, json }: JsonAnswer): TokenAnswer {
  if (status !== 200) {
    const parsed = errorFormat.safeParse(json);
    return { kind: 'error', status, error: parsed.success ? parsed.data.error : '' };
  }
  const parsed = tokenFormat.safeParse(json);
  if (!parsed.success) {
    throw new CodedError('gateway_answer', {
      facts: { why: 'its answer to the sign-in holds no usable token' },
    });
  }
  const { data } = parsed;
  return {
    kind: 'tokens',
    tokens: {
      accessToken: data.access_token,
      expiresInSeconds: data.expires_in,
      refreshToken: data.refresh_token,
      email: data.email,
    },
  };
}
