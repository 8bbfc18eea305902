import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { Secret } from '../../kernel/secret.ts';
import type { Accepted, Audit, Reply } from '../exchange.ts';
import { readForm } from '../http/form.ts';
import type { Store } from '../store/ports.ts';
import { createAccessTokens } from './access-token.ts';
import { createBriefly } from './briefly.ts';
import { createBrowserBinding } from './browser-binding.ts';
import { createCallback } from './callback.ts';
import { createDeviceAuthorization } from './device-authorization.ts';
import { createDevicePage } from './device-page.ts';
import { createDiscovery } from './discovery.ts';
import { createGrants } from './grants.ts';
import { createSessionIssuer } from './issue-session.ts';
import { createKeyRing } from './keys.ts';
import { createLastSeen } from './last-seen.ts';
import { createPages } from './pages.ts';
import type { IdentityProvider } from './provider.ts';
import { createRedeem } from './redeem.ts';
import { createRefresh } from './refresh.ts';
import { createRefreshNotebook } from './refresh-notes.ts';
import { createRefreshTokens } from './refresh-token.ts';
import { createRevocationEndpoint } from './revocation-endpoint.ts';
import { createRevocationList } from './revocations.ts';
import { type Authenticate, createSessionGuard } from './session-guard.ts';
import { createSignInLimits, type SignInLimits } from './sign-in-limits.ts';
import { createTokenEndpoint } from './token-endpoint.ts';

export interface IdentityOptions {
  /** `listen.public_url`, without a trailing slash. */
  readonly publicUrl: string;
  readonly clientId: string;
  readonly secrets: readonly Secret[];
  readonly accessTtlSeconds: number;
  readonly refreshTtlSeconds: number;
  readonly usesPkce: boolean;
  readonly loginNotice: string | undefined;
  readonly formActionOrigins: readonly string[];
  readonly billingGroupTag: string | undefined;
  readonly limits: SignInLimits;
  readonly version: string;
  readonly isPractice: boolean;
}

export interface IdentityParts {
  readonly store: Store;
  readonly provider: IdentityProvider;
  readonly audit: Audit;
  readonly log: Log;
  readonly clock: Clock;
}

type Handler = (request: Accepted, reply: Reply) => void | Promise<void>;

export interface Identity {
  readonly handlers: {
    readonly landing: Handler;
    readonly discovery: Handler;
    readonly deviceAuthorization: Handler;
    readonly showDevice: Handler;
    readonly submitDevice: Handler;
    readonly callback: Handler;
    readonly callbackPosted: Handler;
    readonly token: Handler;
    readonly revoke: Handler;
  };
  readonly authenticate: Authenticate;
  readonly errorPage: (error: unknown, request: Accepted, reply: Reply) => void;
  /** Loads what has been revoked and keeps up with it. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const LEEWAY_MS = 60_000;

/** Everything about who somebody is: sign-in, sessions, pages. */
export function createIdentity(
  options: IdentityOptions,
  { store, provider, audit, log, clock }: IdentityParts,
): Identity {
  const { publicUrl, loginNotice, usesPkce } = options;
  const accessTtlMs = options.accessTtlSeconds * 1000;
  const refreshTtlMs = options.refreshTtlSeconds * 1000;
  const ring = createKeyRing(options.secrets);
  const accessTokens = createAccessTokens(
    {
      issuer: publicUrl,
      audience: options.clientId,
      ttlSeconds: options.accessTtlSeconds,
      billingGroupTag: options.billingGroupTag,
    },
    ring,
    clock,
  );
  const refreshTokens = createRefreshTokens(ring, provider.issuer, clock);
  const issue = createSessionIssuer(accessTokens, refreshTokens);
  const grants = createGrants(store.grants, ring);
  const limits = createSignInLimits(store.rateCounters, options.limits);
  const binding = createBrowserBinding(ring, publicUrl);
  const pages = createPages({
    publicUrl,
    version: options.version,
    formActionOrigins: [provider.authorizationOrigin, ...options.formActionOrigins],
    isPractice: options.isPractice,
  });
  const briefly = createBriefly(clock);
  const longestTokenMs = Math.max(accessTtlMs, refreshTtlMs) + LEEWAY_MS;
  const revocations = createRevocationList({ store, briefly, clock, log, longestTokenMs });
  const lastSeen = createLastSeen(store.sessions, clock);
  const publicOrigin = new URL(publicUrl).origin;

  const device = createDevicePage({
    publicOrigin,
    usesPkce,
    loginNotice,
    grants,
    limits,
    binding,
    provider,
    pages,
    readForm,
    audit,
    clock,
  });
  const callback = createCallback({ grants, binding, provider, pages, audit, log, clock });
  const redeem = createRedeem({ grants, store, issue, accessTtlMs, refreshTtlMs, audit, log, clock });
  const refresh = createRefresh({
    refreshTokens,
    provider,
    sessions: store.sessions,
    notes: createRefreshNotebook(store.refreshNotes, ring, briefly),
    briefly,
    revocations,
    issue,
    refreshTtlMs,
    audit,
    log,
    clock,
  });

  return {
    handlers: {
      landing: pages.landing,
      discovery: createDiscovery(publicUrl),
      deviceAuthorization: createDeviceAuthorization({
        publicUrl,
        loginNotice,
        grants,
        limits,
        readForm,
        audit,
        clock,
      }),
      showDevice: device.show,
      submitDevice: device.submit,
      callback: callback.arrive,
      callbackPosted: callback.arrivePosted,
      token: createTokenEndpoint({ readForm, redeem, refresh }),
      revoke: createRevocationEndpoint({ readForm, accessTokens, refreshTokens, revocations, audit }),
    },
    authenticate: createSessionGuard({
      tokens: accessTokens,
      isRevoked: revocations.isRevoked,
      onSeen: lastSeen.seen,
      audit,
      clock,
    }),
    errorPage: pages.error,
    async start() {
      await revocations.start();
      lastSeen.start();
    },
    async stop() {
      lastSeen.stop();
      await revocations.stop();
    },
  };
}
