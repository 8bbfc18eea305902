import { z } from 'zod';
import type { Secret } from '../kernel/secret.ts';
import { accessControlShape, checkAccessControl } from './access-control.ts';
import { choice, flag } from './fields.ts';
import { judgedCatalog } from './judged-catalog.ts';
import { checkLimits, limitsShape } from './limits.ts';
import { checkListen, isLoopback, listenShape } from './listen.ts';
import { loadTestModeShape } from './load-test-mode.ts';
import { logShape } from './log.ts';
import { checkManaged, managedShape } from './managed.ts';
import { checkMetrics, metricsShape } from './metrics.ts';
import type { JudgeModelLists } from './model-lists.ts';
import { checkModels, modelsShape } from './models.ts';
import { checkOidc, oidcShape } from './oidc.ts';
import { rateLimitsShape } from './rate-limits.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';
import { checkSession, sessionShape } from './session.ts';
import { shutdownShape } from './shutdown.ts';
import { checkStore, storeShape } from './store.ts';
import { checkTelemetry, telemetryShape } from './telemetry.ts';
import { timeoutsShape } from './timeouts.ts';
import { checkUpstreams, upstreamsShape } from './upstreams/upstreams.ts';

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
    metrics: metricsShape.prefault({}),
    telemetry: telemetryShape.prefault({}),
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

type ValidParts = Valid<z.output<typeof gatewayConfigShape>>;

export interface RelationInputs {
  /** Whether connections to loopback are allowed, or it is not known. */
  readonly allowsLoopback: boolean;
  readonly judgeAllowList?: JudgeModelLists | undefined;
}

/** The relations between keys, section by section, over whatever is valid. */
export function checkRelations(
  config: ValidParts,
  { allowsLoopback, judgeAllowList }: RelationInputs,
  report: Report,
): void {
  const { listen, oidc, upstreams } = config;
  checkListen(listen, report);
  checkOidc(oidc, report);
  checkSession(config.session, report);
  checkStore(config.store, report);
  checkUpstreams(upstreams, allowsLoopback, report);
  checkModels(config.models, namesOf(upstreams), config.auto_include_builtin_models, report);
  const catalog = judgedCatalog(config.models, config.auto_include_builtin_models, upstreams);
  const judge = judgeAllowList && catalog && judgeAllowList(catalog);
  checkManaged(config.managed, oidc?.allowed_email_domains, judge, report);
  checkLimits(config.limits, report);
  checkMetrics(config.metrics, report);
  checkTelemetry(config.telemetry, config.limits, allowsLoopback, report);
  const isForwardedTo = listen?.trusted_proxies?.length !== 0 || report.has(['listen', 'public_url']);
  checkAccessControl(config.access_control, isLoopback(listen?.host ?? '') && !isForwardedTo, report);
}

/** Undefined when one of them is not known. */
function namesOf(upstreams: Valid<z.output<typeof upstreamsShape>> | undefined): string[] | undefined {
  const names = upstreams?.map((upstream) => upstream?.name);
  const known = names?.filter((name) => name !== undefined);
  return known && known.length === names?.length ? known : undefined;
}
