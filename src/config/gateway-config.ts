import { z } from 'zod';
import type { Secret } from '../kernel/secret.ts';
import { accessControlShape } from './access-control.ts';
import { choice, flag } from './fields.ts';
import { limitsShape } from './limits.ts';
import { listenShape } from './listen.ts';
import { loadTestModeShape } from './load-test-mode.ts';
import { logShape } from './log.ts';
import { managedShape } from './managed.ts';
import { modelsShape } from './models.ts';
import { oidcShape } from './oidc.ts';
import { rateLimitsShape } from './rate-limits.ts';
import { sessionShape } from './session.ts';
import { shutdownShape } from './shutdown.ts';
import { storeShape } from './store.ts';
import { timeoutsShape } from './timeouts.ts';
import { upstreamsShape } from './upstreams.ts';

/** Every key of gateway.yaml with its type, default and description. Relations between keys are checked by the sections. */
export const gatewayConfigShape = z
  .strictObject({
    listen: listenShape,
    oidc: oidcShape,
    session: sessionShape,
    store: storeShape,
    upstreams: upstreamsShape,
    models: modelsShape.default([]),
    auto_include_builtin_models: flag().default(true).meta({
      title: 'Built-in models',
      description: 'Whether the built-in catalog is served beside models.',
    }),
    unknown_models: choice('refuse', 'forward').default('refuse').meta({
      title: 'Unknown models',
      description: 'Refuse a model that is in no catalog, or forward it to upstreams that take it as it is.',
    }),
    managed: managedShape.prefault({}),
    rate_limits: rateLimitsShape.prefault({}),
    limits: limitsShape.prefault({}),
    timeouts: timeoutsShape.prefault({}),
    access_control: accessControlShape.prefault({}),
    shutdown: shutdownShape.prefault({}),
    log: logShape.prefault({}),
    load_test_mode: loadTestModeShape.optional(),
  })
  .meta({ title: 'gateway.yaml', description: 'Configuration of a Sallyport gateway.' });

type DeepReadonly<T> = T extends Secret
  ? T
  : T extends readonly (infer Element)[]
    ? readonly DeepReadonly<Element>[]
    : T extends object
      ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
      : T;

/** A valid gateway.yaml: defaults filled in, variables expanded, secrets wrapped, frozen at every level. */
export type GatewayConfig = DeepReadonly<z.output<typeof gatewayConfigShape>>;
