import type { GatewayConfig } from '../../config/gateway-config.ts';
import { settingsOf } from '../../config/managed.ts';
import { servedSettings } from '../../config/settings.ts';
import { regionOf } from '../../config/upstreams/region.ts';
import type { CatalogOptions } from '../catalog/catalog.ts';
import type { HttpServerOptions } from '../http/server.ts';
import type { IdentityOptions } from '../identity/identity.ts';
import type { OpenIdProviderOptions } from '../identity/openid-provider.ts';
import type { DeveloperLimits } from '../limits/developers.ts';
import type { Policy } from '../policy/views.ts';
import type { StoreOptions } from '../store/open.ts';
import type { Upstream } from '../upstream/target.ts';
import { defaultBufferedBytes } from './memory-limit.ts';
import type { TlsFiles } from './tls-files.ts';

/** What each part asks for, read from the sections of `gateway.yaml`. Here the file's words become the code's. */

export interface Program {
  readonly version: string;
  /** `gateway --dev`: pages and banner say that this is for practice. */
  readonly isPractice: boolean;
}

export function storeOptions({ store }: GatewayConfig): StoreOptions {
  if (store.embedded !== undefined) return { kind: 'embedded', folder: store.embedded };
  return {
    kind: 'postgres',
    url: store.postgres_url?.reveal() ?? '',
    username: store.username,
    password: store.password,
    maxConnections: store.max_connections,
    connectTimeoutSeconds: store.connect_timeout_seconds,
    preparedStatements: store.prepared_statements,
  };
}

export function providerOptions({ oidc }: GatewayConfig, publicUrl: string): OpenIdProviderOptions {
  const { google_groups: googleGroups, client_assertion: assertion } = oidc;
  return {
    issuer: oidc.issuer,
    discoveryUrl: oidc.discovery_url,
    clientId: oidc.client_id,
    clientSecret: oidc.client_secret,
    clientAssertion: assertion && {
      privateKeyPem: assertion.private_key_pem,
      certificatePem: assertion.certificate_pem.reveal(),
    },
    tokenEndpointAuthMethod: oidc.token_endpoint_auth_method,
    scopes: oidc.scopes,
    scopeOnRefresh: oidc.scope_on_refresh,
    extraAuthParams: oidc.extra_auth_params,
    userinfoFallback: oidc.userinfo_fallback,
    idTokenSignedResponseAlg: oidc.id_token_signed_response_alg,
    clockSkewSeconds: oidc.clock_skew_seconds,
    additionalAuthorizedParties: oidc.additional_authorized_parties,
    emailClaim: oidc.email_claim,
    groupsClaim: oidc.groups_claim,
    googleGroups: googleGroups && {
      serviceAccountJsonPath: googleGroups.service_account_json_path,
      adminEmail: googleGroups.admin_email,
    },
    allowedEmailDomains: oidc.allowed_email_domains,
    allowedGroups: oidc.allowed_groups,
    publicUrl,
  };
}

export function identityOptions(config: GatewayConfig, publicUrl: string, program: Program): IdentityOptions {
  const { oidc, session, rate_limits: limits } = config;
  return {
    publicUrl,
    clientId: oidc.client_id,
    secrets: session.jwt_secret,
    accessTtlSeconds: Math.round(session.ttl_hours * 3600),
    refreshTtlSeconds: Math.round(session.refresh_ttl_days * 86_400),
    usesPkce: oidc.use_pkce,
    loginNotice: oidc.login_notice,
    formActionOrigins: oidc.form_action_origins,
    billingGroupTag: undefined,
    limits: {
      deviceAuthorization: rateLimit(limits.device_authorization),
      deviceVerify: rateLimit(limits.device_verify),
    },
    version: program.version,
    isPractice: program.isPractice,
  };
}

function rateLimit({ max, window_seconds: windowSeconds }: { max: number; window_seconds: number }) {
  return { max, windowSeconds };
}

export function policies({ managed }: GatewayConfig): readonly Policy[] {
  return managed.policies.map((policy) => ({
    match: { groups: policy.match.groups, emailDomain: policy.match.email_domain },
    documents: { settings: servedSettings(settingsOf(policy)), desktop: policy.desktop },
  }));
}

/** Without a priority of its own an upstream has its place in the list. */
export function upstreamOptions(
  { priority, weight, max_connections: maxConnections }: GatewayConfig['upstreams'][number],
  index: number,
): Pick<Upstream, 'priority' | 'weight' | 'maxConnections'> {
  return { priority: priority ?? index, weight, maxConnections };
}

/** `listen.public_url`, or the listener's own address, which only a loopback listener may leave it at. */
export function publicUrlOf({ listen }: GatewayConfig): string {
  if (listen.public_url !== undefined) return listen.public_url.replace(/\/+$/, '');
  return listenerUrl({ listen }, listen.port);
}

export function listenerUrl({ listen }: Pick<GatewayConfig, 'listen'>, port: number): string {
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  return `${listen.tls ? 'https' : 'http'}://${host}:${port}`;
}

export function serverOptions(
  { listen, limits }: GatewayConfig,
  tls: TlsFiles | undefined,
): HttpServerOptions {
  return {
    host: listen.host,
    port: listen.port,
    tls: tls && { cert: tls.cert, key: tls.key },
    keepAliveSeconds: listen.keep_alive_seconds,
    maxRequestHeaderBytes: limits.max_request_header_bytes,
    maxUrlLength: limits.max_url_length,
  };
}

export function developerLimits({ limits }: GatewayConfig): DeveloperLimits {
  const { concurrent, requests_per_minute: requestsPerMinute } = limits.per_developer ?? {};
  return { concurrent, requestsPerMinute };
}

/** The largest body, and what all bodies of one process may hold together. A body that could never be held is too large. */
export function bodyLimits(
  { limits }: GatewayConfig,
  memoryBytes: number,
  processes = 1,
): { readonly maxBytes: number; readonly maxBufferedBytes: number } {
  const maxBufferedBytes = limits.max_buffered_bytes ?? defaultBufferedBytes(memoryBytes, processes);
  return { maxBytes: Math.min(limits.max_request_bytes, maxBufferedBytes), maxBufferedBytes };
}

export function catalogOptions(config: GatewayConfig): CatalogOptions {
  return {
    upstreams: config.upstreams.map((upstream) => ({
      name: upstream.name,
      provider: upstream.provider,
      region: regionOf(upstream),
      models: upstream.models,
    })),
    models: config.models.map(({ id, label, description, upstream_model: upstreamModel }) => ({
      id,
      label,
      description,
      upstreamModel,
    })),
    includesBuiltin: config.auto_include_builtin_models,
    forwardsUnknown: config.unknown_models === 'forward',
  };
}
