import { OTLP_PATHS, type OtlpSignal, paths } from '../kernel/protocol.ts';
import type { Accepted, Caller, Reply } from './exchange.ts';
import type { createHealth } from './http/health.ts';
import type { Handler, Route } from './http/router.ts';
import type { Identity } from './identity/identity.ts';
import type { Inference } from './pipeline.ts';
import type { createModelsEndpoint } from './policy/models-endpoint.ts';

export interface RouteParts {
  readonly identity: Pick<Identity, 'handlers' | 'authenticate'>;
  readonly health: ReturnType<typeof createHealth>;
  readonly models: ReturnType<typeof createModelsEndpoint>;
  readonly managedSettings: CallerHandler;
  readonly desktopBootstrap: CallerHandler;
  readonly inference: Inference;
  readonly telemetry: (signal: OtlpSignal) => CallerHandler;
}

type CallerHandler = (request: Accepted, reply: Reply, caller: Caller) => void | Promise<void>;

/** Every endpoint: method, path, error envelope, guard and handler. */
export function createRoutes(parts: RouteParts): readonly Route[] {
  const { identity, health, models, managedSettings, desktopBootstrap, inference, telemetry } = parts;
  const { handlers, authenticate } = identity;

  /** No guard: anybody may ask. */
  const open = (handle: Handler): Handler => handle;

  /** A session token in `Authorization: Bearer`; on the Messages API's own paths also in `x-api-key`. */
  const session = (handle: CallerHandler, options = { acceptsApiKeyHeader: true }): Handler => {
    return (request, reply) => {
      const caller = authenticate(request, options);
      return caller instanceof Promise
        ? caller.then((found) => handle(request, reply, found))
        : handle(request, reply, caller);
    };
  };

  const infer = (endpoint: Parameters<Inference>[0]): Handler =>
    session((request, reply, caller) => inference(endpoint, request, reply, caller));

  const relay = (signal: OtlpSignal): Handler => session(telemetry(signal), { acceptsApiKeyHeader: false });

  // biome-ignore format: one line an endpoint
  return [
    { method: 'GET',  path: '/',                       envelope: 'page',     handle: open(handlers.landing) },
    { method: 'GET',  path: '/healthz',                envelope: 'messages', handle: open(health.live) },
    { method: 'GET',  path: '/readyz',                 envelope: 'messages', handle: open(health.ready) },
    { method: 'HEAD', path: '/api/hello',              envelope: 'messages', handle: open(health.hello) },

    { method: 'GET',  path: paths.discovery,           envelope: 'oauth',    handle: open(handlers.discovery) },
    { method: 'POST', path: paths.deviceAuthorization, envelope: 'oauth',    handle: open(handlers.deviceAuthorization) },
    { method: 'POST', path: paths.token,               envelope: 'oauth',    handle: open(handlers.token) },
    { method: 'POST', path: paths.revocation,          envelope: 'oauth',    handle: open(handlers.revoke) },
    { method: 'GET',  path: paths.device,              envelope: 'page',     handle: open(handlers.showDevice) },
    { method: 'POST', path: paths.device,              envelope: 'page',     handle: open(handlers.submitDevice) },
    { method: 'GET',  path: paths.callback,            envelope: 'page',     handle: open(handlers.callback), changesState: true },
    { method: 'POST', path: paths.callback,            envelope: 'page',     handle: open(handlers.callbackPosted) },

    { method: 'POST', path: paths.messages,            envelope: 'messages', handle: infer('messages') },
    { method: 'POST', path: paths.countTokens,         envelope: 'messages', handle: infer('count_tokens') },
    { method: 'GET',  path: paths.models,              envelope: 'messages', handle: session(models.list) },
    { method: 'GET',  path: `${paths.models}/:id`,     envelope: 'messages', handle: session(models.one) },
    { method: 'GET',  path: paths.managedSettings,     envelope: 'messages', handle: session(managedSettings) },
    { method: 'GET',  path: paths.desktopBootstrap,    envelope: 'messages', handle: session(desktopBootstrap) },

    { method: 'POST', path: OTLP_PATHS.metrics,        envelope: 'messages', handle: relay('metrics') },
    { method: 'POST', path: OTLP_PATHS.logs,           envelope: 'messages', handle: relay('logs') },
    { method: 'POST', path: OTLP_PATHS.traces,         envelope: 'messages', handle: relay('traces') },
  ];
}
