import { OTLP_PATHS, type OtlpSignal, paths } from '../kernel/protocol.ts';
import type { Accepted, Caller, Reply } from './exchange.ts';
import type { createHealth } from './http/health.ts';
import type { Handler, Route } from './http/router.ts';
import type { Identity } from './identity/identity.ts';
import type { Inference } from './pipeline.ts';
import type { createModelsEndpoint } from './policy/models-endpoint.ts';
import type { Endpoint } from './protocol/endpoints.ts';
import type { ProtocolPage } from './protocol/protocol-page.ts';

export interface RouteParts {
  readonly identity: Pick<Identity, 'handlers' | 'authenticate'>;
  readonly health: ReturnType<typeof createHealth>;
  readonly models: ReturnType<typeof createModelsEndpoint>;
  readonly managedSettings: CallerHandler;
  readonly desktopBootstrap: CallerHandler;
  readonly inference: Inference;
  readonly telemetry: (signal: OtlpSignal) => CallerHandler;
  readonly protocol: ProtocolPage;
}

/** An endpoint says who may ask because its handler comes out of a guard. */
type Guarded = Pick<Route & Endpoint, 'guard' | 'handle'>;

type CallerHandler = (request: Accepted, reply: Reply, caller: Caller) => void | Promise<void>;

/** Every endpoint: method, path, error envelope, guard and handler. */
export function createRoutes(parts: RouteParts): readonly (Route & Endpoint)[] {
  const { identity, health, models, managedSettings, desktopBootstrap, inference, telemetry, protocol } =
    parts;
  const { handlers, authenticate } = identity;

  /** No guard: anybody may ask. */
  const open = (handle: Handler): Guarded => ({ guard: 'open', handle });

  /** A session token in `Authorization: Bearer`; on the Messages API's own paths also in `x-api-key`. */
  const session = (handle: CallerHandler, options = { acceptsApiKeyHeader: true }): Guarded => {
    return {
      guard: 'session',
      handle(request, reply) {
        const caller = authenticate(request, options);
        return caller instanceof Promise
          ? caller.then((found) => handle(request, reply, found))
          : handle(request, reply, caller);
      },
    };
  };

  const infer = (endpoint: Parameters<Inference>[0]): Guarded =>
    session((request, reply, caller) => inference(endpoint, request, reply, caller));

  const relay = (signal: OtlpSignal): Guarded => session(telemetry(signal), { acceptsApiKeyHeader: false });

  // biome-ignore format: one line an endpoint
  const routes: readonly (Route & Endpoint)[] = [
    { method: 'GET',  path: '/',                       envelope: 'page',     ...open(handlers.landing) },
    { method: 'GET',  path: '/healthz',                envelope: 'messages', ...open(health.live) },
    { method: 'GET',  path: '/readyz',                 envelope: 'messages', ...open(health.ready) },
    { method: 'HEAD', path: '/api/hello',              envelope: 'messages', ...open(health.hello) },
    { method: 'GET',  path: paths.protocol,            envelope: 'messages', ...open(protocol(() => routes)) },

    { method: 'GET',  path: paths.discovery,           envelope: 'oauth',    ...open(handlers.discovery) },
    { method: 'POST', path: paths.deviceAuthorization, envelope: 'oauth',    ...open(handlers.deviceAuthorization) },
    { method: 'POST', path: paths.token,               envelope: 'oauth',    ...open(handlers.token) },
    { method: 'POST', path: paths.revocation,          envelope: 'oauth',    ...open(handlers.revoke) },
    { method: 'GET',  path: paths.device,              envelope: 'page',     ...open(handlers.showDevice) },
    { method: 'POST', path: paths.device,              envelope: 'page',     ...open(handlers.submitDevice) },
    { method: 'GET',  path: paths.callback,            envelope: 'page',     ...open(handlers.callback), changesState: true },
    { method: 'POST', path: paths.callback,            envelope: 'page',     ...open(handlers.callbackPosted) },

    { method: 'POST', path: paths.messages,            envelope: 'messages', ...infer('messages') },
    { method: 'POST', path: paths.countTokens,         envelope: 'messages', ...infer('count_tokens') },
    { method: 'GET',  path: paths.models,              envelope: 'messages', ...session(models.list) },
    { method: 'GET',  path: `${paths.models}/:id`,     envelope: 'messages', ...session(models.one) },
    { method: 'GET',  path: paths.managedSettings,     envelope: 'messages', ...session(managedSettings) },
    { method: 'GET',  path: paths.desktopBootstrap,    envelope: 'messages', ...session(desktopBootstrap) },

    { method: 'POST', path: OTLP_PATHS.metrics,        envelope: 'messages', ...relay('metrics') },
    { method: 'POST', path: OTLP_PATHS.logs,           envelope: 'messages', ...relay('logs') },
    { method: 'POST', path: OTLP_PATHS.traces,         envelope: 'messages', ...relay('traces') },
  ];
  return routes;
}
