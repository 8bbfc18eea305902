import type { GatewayConfig } from '../../config/gateway-config.ts';
import { builtinModels } from '../catalog/builtin-models.ts';
import { createCatalog } from '../catalog/catalog.ts';
import { createPolicySet, type PolicySet } from '../policy/policy-set.ts';
import { telemetryVariables } from '../policy/telemetry-push.ts';
import { catalogOptions, policies } from './settings.ts';
import { forwardedTelemetry } from './telemetry-relay.ts';

/** What there is to use: by the names of the upstreams, which are read at the start only. */
export const MODEL_SECTIONS = [
  'models',
  'auto_include_builtin_models',
  'unknown_models',
] as const satisfies readonly (keyof GatewayConfig)[];

/** What of a configuration decides who may use what: these sections take effect without a restart. */
export const POLICY_SECTIONS = [
  'managed',
  ...MODEL_SECTIONS,
] as const satisfies readonly (keyof GatewayConfig)[];

type PolicySections = Pick<GatewayConfig, (typeof POLICY_SECTIONS)[number]>;

/** The policies in force. Each question is answered by one set as a whole; what was answered stays as it was. */
export interface Policies extends PolicySet {
  /** The configuration with the policies in force; the same one until others are. */
  inForce(): GatewayConfig;
  /** Puts what a changed configuration says in the given sections in force; what it does not give stays. */
  adopt(changed: Partial<PolicySections>): void;
}

export function openPolicies(config: GatewayConfig, publicUrl: string): Policies {
  let inForce = config;
  let current = policySetOf(config, publicUrl);
  return {
    authorise: (caller, clientModel) => current.authorise(caller, clientModel),
    allowedModels: (caller) => current.allowedModels(caller),
    listedAs: (caller, clientModel) => current.listedAs(caller, clientModel),
    settingsOf: (caller) => current.settingsOf(caller),
    desktopOf: (caller) => current.desktopOf(caller),
    inForce: () => inForce,
    adopt(changed) {
      inForce = { ...inForce, ...changed };
      current = policySetOf(inForce, publicUrl);
    },
  };
}

function policySetOf(config: GatewayConfig, publicUrl: string): PolicySet {
  const forwarded = forwardedTelemetry(config);
  return createPolicySet({
    policies: policies(config),
    catalog: createCatalog(catalogOptions(config), builtinModels()),
    push: {
      env: forwarded ? telemetryVariables(publicUrl, forwarded) : {},
      // Prices are not part of this version.
      modelPricing: undefined,
    },
    desktop: { publicUrl, forwardsTelemetry: forwarded !== undefined },
  });
}
