import type { GatewayConfig } from '../../config/gateway-config.ts';
import type { Outbound } from '../outbound/outbound.ts';
import { createProvider } from '../upstream/providers/table.ts';
import type { Upstream } from '../upstream/target.ts';
import { createTransport } from '../upstream/transport.ts';
import type { Closing } from './closing.ts';
import { providerSettings, upstreamOptions } from './settings.ts';

/** One provider and one connection pool for each entry of `upstreams`, in order. */
export function openUpstreams(
  { upstreams, timeouts }: GatewayConfig,
  outbound: Outbound,
  closing: Closing,
): readonly Upstream[] {
  return upstreams.map((entry, index) => {
    const provider = createProvider(providerSettings(entry));
    const transport = createTransport({
      origin: provider.origin,
      connect: outbound.connector({ useProxy: true }),
      idleTimeoutMs: timeouts.upstream_idle_ms,
    });
    closing.add(() => transport.close());
    return { name: entry.name, provider, transport, ...upstreamOptions(entry, index) };
  });
}
