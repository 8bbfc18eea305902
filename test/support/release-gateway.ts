import { createAccessControl } from '../../src/gateway/http/access-control.ts';
import { createClientAddress } from '../../src/gateway/http/client-address.ts';
import { createHealth } from '../../src/gateway/http/health.ts';
import { createRouter } from '../../src/gateway/http/router.ts';
import { createHttpServer } from '../../src/gateway/http/server.ts';
import { createIdentity } from '../../src/gateway/identity/identity.ts';
import type {
  AuthorizationRequest,
  Identity,
  IdentityProvider,
  SessionToRefresh,
} from '../../src/gateway/identity/provider.ts';
import { createModelsEndpoint } from '../../src/gateway/policy/models-endpoint.ts';
import { createRoutes } from '../../src/gateway/routes.ts';
import type { Store } from '../../src/gateway/store/ports.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { secret } from '../../src/kernel/secret.ts';
import { createMemoryLog } from './memory-log.ts';

/** What every gateway of the release fixtures has been and will be set to: never change it. */
const SETTINGS = {
  publicUrl: 'https://claude-gateway.corp.example.com',
  issuer: 'https://idp.example.com',
  clientId: 'gateway',
  secret: 'a signing secret of the release fixtures',
} as const;

export const SIGN_INS_FROM_ONE_ADDRESS = 4;

export const PEOPLE = {
  ada: { sub: 'person-0001', email: 'ada@example.com', name: 'Ada', groups: ['engineers', 'everybody'] },
  bob: { sub: 'person-0002', email: undefined, name: undefined, groups: [] },
} as const;

export type Person = keyof typeof PEOPLE;

/** A gateway as far as people, tokens and the store go. Requests name their own address in `X-Forwarded-For`. */
export interface ReleaseGateway {
  readonly url: string;
  readonly provider: ScriptedProvider;
  close(): Promise<void>;
}

/** Stands in for the provider, whose issuer must be the same in years to come. A person is a code in the callback. */
export interface ScriptedProvider extends IdentityProvider {
  readonly redeemed: AuthorizationRequest[];
  readonly refreshed: SessionToRefresh[];
  /** Answers the next refreshes. */
  onRefresh: (session: SessionToRefresh) => Promise<Identity>;
}

export async function startReleaseGateway(store: Store, clock: Clock): Promise<ReleaseGateway> {
  const log = createMemoryLog();
  const audit = () => undefined;
  const provider = createScriptedProvider();
  const { publicUrl, clientId } = SETTINGS;
  const identity = createIdentity(
    {
      publicUrl,
      clientId,
      secrets: [secret(SETTINGS.secret)],
      accessTtlSeconds: 3600,
      refreshTtlSeconds: 30 * 86_400,
      usesPkce: true,
      loginNotice: undefined,
      formActionOrigins: [],
      billingGroupTag: undefined,
      limits: {
        deviceAuthorization: { max: SIGN_INS_FROM_ONE_ADDRESS, windowSeconds: 600 },
        deviceVerify: { max: 100, windowSeconds: 600 },
      },
      version: '0.0.0-test',
      isPractice: false,
    },
    { store, provider, audit, log, clock },
  );
  await identity.start();
  const routes = createRoutes({
    identity,
    health: createHealth({ ping: store.ping, isDraining: () => false, readinessGraceSeconds: 0, clock }),
    models: createModelsEndpoint({ allowedModels: () => [], listedAs: () => undefined }),
    managedSettings: () => undefined,
    telemetry: () => () => undefined,
    desktopBootstrap: () => undefined,
    inference: async (_endpoint, _request, reply, caller) => reply.json(200, caller),
    protocol: () => (_request, reply) => reply.send(200, {}),
  });
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
      handle: createRouter({ routes, errorPage: identity.errorPage }, log),
      clientAddress: createClientAddress(['127.0.0.1/32']),
      admit: createAccessControl({ allowCidrs: [], denyCidrs: [] }, { audit, log }),
      log,
      clock,
    },
  );
  const { port } = await server.listen();
  return {
    url: `http://127.0.0.1:${port}`,
    provider,
    async close() {
      identity.stop();
      await server.close(AbortSignal.abort());
    },
  };
}

function createScriptedProvider(): ScriptedProvider {
  const redeemed: AuthorizationRequest[] = [];
  const refreshed: SessionToRefresh[] = [];
  const provider: ScriptedProvider = {
    issuer: SETTINGS.issuer,
    authorizationOrigin: SETTINGS.issuer,
    redeemed,
    refreshed,
    onRefresh: async ({ claims }) => ({ claims, refreshToken: undefined }),
    authorizationUrl: async ({ state }) => new URL(`${SETTINGS.issuer}/authorize?state=${state}`),
    async redeem(callback, request) {
      redeemed.push(request);
      const person = callback.get('code') === 'ada' ? 'ada' : 'bob';
      return { claims: PEOPLE[person], refreshToken: `provider token of ${person}` };
    },
    refresh(session) {
      refreshed.push(session);
      return provider.onRefresh(session);
    },
    close: () => undefined,
  };
  return provider;
}
