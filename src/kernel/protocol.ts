/** Paths and words on which the gateway and its clients agree. */
export const paths = {
  discovery: '/.well-known/oauth-authorization-server',
  deviceAuthorization: '/oauth/device_authorization',
  token: '/oauth/token',
  revocation: '/oauth/revoke',
  device: '/device',
  callback: '/oauth/callback',
  messages: '/v1/messages',
  countTokens: '/v1/messages/count_tokens',
  models: '/v1/models',
  usage: '/api/oauth/usage',
  managedSettings: '/managed/settings',
  desktopBootstrap: '/user/bootstrap',
  protocol: '/protocol',
} as const;

/** Where OTLP/HTTP takes each signal. */
export const OTLP_PATHS = { metrics: '/v1/metrics', logs: '/v1/logs', traces: '/v1/traces' } as const;

/** What OpenTelemetry knows three kinds of. */
export type OtlpSignal = keyof typeof OTLP_PATHS;
export const OTLP_SIGNALS: readonly OtlpSignal[] = ['metrics', 'logs', 'traces'];

/** RFC 8628 section 3.4. */
export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
export const REFRESH_TOKEN_GRANT = 'refresh_token';

/** The `gateway_protocol_version` this release speaks. */
export const PROTOCOL_VERSION = 1;

/** RFC 8628 section 3.2; `login_notice` is text of at most 500 characters from the gateway's operator. */
export interface DeviceAuthorizationResponse {
  readonly device_code: string;
  readonly user_code: string;
  readonly verification_uri: string;
  readonly verification_uri_complete: string;
  readonly expires_in: number;
  readonly interval: number;
  readonly login_notice?: string;
}

/** RFC 6749 section 5.1 plus the account's email address. */
export interface TokenResponse {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly refresh_token?: string;
  readonly email?: string;
}
