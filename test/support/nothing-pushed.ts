import type { SettingsPush } from '../../src/gateway/policy/served-settings.ts';

/** The push of a gateway that forwards no telemetry and has no prices. */
export const NOTHING_PUSHED: SettingsPush = { env: {}, modelPricing: undefined };
