import type { AwsEnvironment } from '../../config/environment.ts';
import type { GatewayConfig } from '../../config/gateway-config.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { Outbound } from '../outbound/outbound.ts';
import { withoutRefused } from '../upstream/learned-refusals.ts';
import { createProvider } from '../upstream/providers/table.ts';
import type { Upstream } from '../upstream/target.ts';
import { createTransport } from '../upstream/transport.ts';
import type { Closing } from './closing.ts';
import { providerSettings } from './provider-settings.ts';
import { upstreamOptions } from './settings.ts';

export interface UpstreamsGround {
  readonly outbound: Outbound;
  readonly closing: Closing;
  readonly log: Log;
  readonly clock: Clock;
  readonly aws: AwsEnvironment;
}

/** One provider and one connection pool for each entry of `upstreams`, in order. */
export function openUpstreams(
  { upstreams, timeouts }: GatewayConfig,
  { outbound, closing, log, clock, aws }: UpstreamsGround,
): Promise<readonly Upstream[]> {
  const fetch = outbound.fetch({ useProxy: true });
  return Promise.all(
    upstreams.map(async (entry, index) => {
      const { name, strip } = entry;
      const asConfigured = await createProvider(providerSettings(entry, aws), { name, clock, log, fetch });
      const provider = {
        ...withoutRefused(asConfigured, { name, strip }, { clock, log }),
        // Where the operator says how long, that holds for every upstream.
        ...(timeouts.upstream_ttfb_ms === undefined ? {} : { boundsTimeToHeaders: true }),
      };
      closing.add(() => provider.close?.());
      const transport = createTransport({
        origin: provider.origin,
        connect: outbound.connector({ useProxy: true }),
        idleTimeoutMs: timeouts.upstream_idle_ms,
      });
      closing.add(() => transport.close());
      return { name, provider, transport, ...upstreamOptions(entry, index) };
    }),
  );
}
