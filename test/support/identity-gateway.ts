import { generateKeyPairSync } from 'node:crypto';
import type { AuditEventName, AuditFields } from '../../src/gateway/exchange.ts';
import { createAccessControl } from '../../src/gateway/http/access-control.ts';
import { createClientAddress } from '../../src/gateway/http/client-address.ts';
import { createHealth } from '../../src/gateway/http/health.ts';
import { createRouter, type Handler } from '../../src/gateway/http/router.ts';
import { createHttpServer } from '../../src/gateway/http/server.ts';
import { createIdentity, type Identity, type IdentityOptions } from '../../src/gateway/identity/identity.ts';
import {
  createOpenIdProvider,
  type OpenIdProviderOptions,
} from '../../src/gateway/identity/openid-provider.ts';
import { createModelsEndpoint } from '../../src/gateway/policy/models-endpoint.ts';
import { createRoutes } from '../../src/gateway/routes.ts';
import type { SessionRow } from '../../src/gateway/store/ports.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { secret } from '../../src/kernel/secret.ts';
import { type BreakableStore, createBreakableStore } from './breakable-store.ts';
import { openEmbeddedStore } from './embedded-store.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { createMemoryLog, type MemoryLog } from './memory-log.ts';
import { startOidcProvider, type TestProvider, type TestProviderOptions } from './oidc-provider.ts';

export const JWT_SECRET = 'a session secret of the tests, 32+ bytes';

export interface IdentityGatewayOptions {
  readonly identity?: Partial<IdentityOptions>;
  readonly provider?: Partial<OpenIdProviderOptions>;
}

export interface AuditedEvent extends AuditFields {
  readonly event: AuditEventName;
  readonly requestId: string | undefined;
}

export interface Replica {
  readonly url: string;
  close(): Promise<void>;
}

export interface IdentityGateway {
  readonly url: string;
  readonly idp: TestProvider;
  readonly store: BreakableStore;
  /** The gateway's time; the provider's and the store's goes on by itself. */
  readonly clock: ManualClock;
  readonly log: MemoryLog;
  readonly events: readonly AuditedEvent[];
  eventsOf(event: AuditEventName): readonly AuditedEvent[];
  /** The same gateway, started again with other settings. */
  restart(options?: IdentityGatewayOptions): Promise<void>;
  /** Another process of the same gateway: same settings, same store, own memory, own clock. */
  replica(clock?: ManualClock): Promise<Replica>;
  session(sid: string): Promise<SessionRow | undefined>;
  /** `look` may open the closed store before its folder is removed. */
  close(look?: (storeFolder: string) => Promise<void>): Promise<void>;
}

const SIGNING = {
  algorithm: 'ES256',
  privateKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
} as const;
const A_YEAR_SECONDS = 31_536_000;

/**
 * All of identity behind the real listener and routes, with a real embedded store and a real OpenID provider. Requests may
 * name their own address in `X-Forwarded-For`. `/v1/messages` and `/probe` answer with the caller; `/probe` takes no `x-api-key`.
 */
export async function startIdentityGateway(
  options: IdentityGatewayOptions = {},
  idpOptions: TestProviderOptions = {},
): Promise<IdentityGateway> {
  const embedded = await openEmbeddedStore();
  const store = createBreakableStore(embedded.store);
  const events: AuditedEvent[] = [];
  const log = createMemoryLog();
  const clock = createManualClock(Date.now());
  const audit = (event: AuditEventName, requestId: string | undefined, fields: AuditFields) => {
    events.push({ event, requestId, ...fields });
  };
  const main = await listen();
  const idp = await startOidcProvider({
    redirectUri: `${main.url}/oauth/callback`,
    signing: SIGNING,
    ...idpOptions,
  });

  const createInstance = async (settings: IdentityGatewayOptions, time: ManualClock) => {
    const provider = await createOpenIdProvider(
      { ...providerOptions(idp, main.url), ...settings.provider },
      { fetch, clock: time, log },
    );
    const identity = createIdentity(
      { ...identityOptions(idp, main.url), ...settings.identity },
      { store, provider, audit, log, clock: time },
    );
    await identity.start();
    return {
      ...identity,
      async stop() {
        provider.close();
        await identity.stop();
      },
    };
  };

  /** A listener whose handler comes later, because its port is part of the settings. */
  async function listen() {
    let handle: Handler = () => undefined;
    const server = createHttpServer(
      {
        host: '127.0.0.1',
        port: 0,
        tls: undefined,
        keepAliveSeconds: 60,
        maxRequestHeaderBytes: undefined,
        maxUrlLength: undefined,
      },
      {
        handle: (request, reply) => handle(request, reply),
        clientAddress: createClientAddress(['127.0.0.1/32']),
        admit: createAccessControl({ allowCidrs: [], denyCidrs: [] }, { audit, log }),
        log,
        clock,
      },
    );
    const { port } = await server.listen();
    return {
      url: `http://127.0.0.1:${port}`,
      serve(identity: Identity) {
        handle = createRouter({ routes: routesOf(identity, store), errorPage: identity.errorPage }, log);
      },
      close: () => server.close(AbortSignal.abort()),
    };
  }

  let settings = options;
  let identity = await createInstance(settings, clock);
  main.serve(identity);

  return {
    url: main.url,
    idp,
    store,
    clock,
    log,
    events,
    eventsOf: (event) => events.filter((entry) => entry.event === event),
    async restart(changed = {}) {
      settings = changed;
      identity.stop();
      identity = await createInstance(settings, clock);
      main.serve(identity);
    },
    async replica(time = createManualClock(clock.now())) {
      const [listener, instance] = await Promise.all([listen(), createInstance(settings, time)]);
      listener.serve(instance);
      return {
        url: listener.url,
        async close() {
          await instance.stop();
          await listener.close();
        },
      };
    },
    session: (sid) => embedded.store.sessions.find(sid),
    async close(look) {
      identity.stop();
      await Promise.all([main.close(), idp.close()]);
      await embedded.close();
      await look?.(embedded.folder);
      embedded.remove();
    },
  };
}

function routesOf({ handlers, authenticate }: Identity, store: BreakableStore) {
  const health = createHealth({
    ping: store.ping,
    isDraining: () => false,
    readinessGraceSeconds: 0,
    clock: systemClock,
  });
  const routes = createRoutes({
    identity: { handlers, authenticate },
    health,
    models: createModelsEndpoint({ allowedModels: () => [], listedAs: () => undefined }),
    managedSettings: () => undefined,
    telemetry: () => () => undefined,
    desktopBootstrap: () => undefined,
    inference: async (_endpoint, _request, reply, caller) => reply.json(200, caller),
    protocol: () => (_request, reply) => reply.send(200, {}),
  });
  return [
    ...routes,
    {
      method: 'GET',
      path: '/probe',
      envelope: 'messages',
      guard: 'open',
      handle: async (request, reply) =>
        reply.json(200, await authenticate(request, { acceptsApiKeyHeader: false })),
    } satisfies (typeof routes)[number],
  ];
}

function identityOptions(idp: TestProvider, publicUrl: string): IdentityOptions {
  const plenty = { max: 10_000, windowSeconds: 600 };
  return {
    publicUrl,
    clientId: idp.clientId,
    secrets: [secret(JWT_SECRET)],
    accessTtlSeconds: 3600,
    refreshTtlSeconds: 30 * 86_400,
    usesPkce: true,
    loginNotice: undefined,
    formActionOrigins: [],
    billingGroupTag: undefined,
    limits: { deviceAuthorization: plenty, deviceVerify: plenty },
    version: '0.0.0-test',
    isPractice: false,
  };
}

function providerOptions(idp: TestProvider, publicUrl: string): OpenIdProviderOptions {
  return {
    issuer: idp.issuer,
    clientId: idp.clientId,
    clientSecret: secret(idp.clientSecret),
    scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'],
    scopeOnRefresh: false,
    extraAuthParams: {},
    userinfoFallback: false,
    idTokenSignedResponseAlg: SIGNING.algorithm,
    // The gateway's clock may be moved far ahead of the provider's.
    clockSkewSeconds: A_YEAR_SECONDS,
    additionalAuthorizedParties: [],
    emailClaim: 'email',
    groupsClaim: 'groups',
    publicUrl,
  };
}
