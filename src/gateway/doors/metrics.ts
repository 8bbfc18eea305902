import type { GatewayConfig } from '../../config/gateway-config.ts';
import { hostAndPort } from '../../config/metrics.ts';
import type { Clock } from '../../kernel/clock.ts';
import { builtinModels } from '../catalog/builtin-models.ts';
import { createCatalog } from '../catalog/catalog.ts';
import { createGatewayMetrics, type GatewayMetrics, noMetrics } from '../telemetry/gateway-metrics.ts';
import { createMetricsListener } from '../telemetry/metrics-listener.ts';
import type { Snapshot } from '../telemetry/snapshot.ts';
import { catalogOptions } from './settings.ts';

/** The gateway's own figures. */
export function openMetrics(config: GatewayConfig, version: string, clock: Clock): GatewayMetrics {
  if (config.metrics.listen === undefined) return noMetrics;
  return createGatewayMetrics({ version, modelId: catalogIds(config) }, clock);
}

/** The page that Prometheus reads. */
export interface MetricsPage {
  /** Resolves with its URL. Throws CodedError `address_in_use` naming `metrics.listen`. */
  listen(): Promise<string>;
  close(): Promise<void>;
}

/** Undefined when `metrics.listen` is not set. */
export function openMetricsPage(
  { metrics }: GatewayConfig,
  collect: () => Promise<Snapshot>,
): MetricsPage | undefined {
  const place = metrics.listen === undefined ? undefined : hostAndPort(metrics.listen);
  if (!place) return undefined;
  const listener = createMetricsListener(place, collect);
  return {
    async listen() {
      const { port } = await listener.listen();
      const host = place.host.includes(':') ? `[${place.host}]` : place.host;
      return `http://${host}:${port}/metrics`;
    },
    close: listener.close,
  };
}

/** Only what the catalog lists is a label: what else clients write has no bound. */
function catalogIds(config: GatewayConfig): (clientModel: string) => string | undefined {
  const catalog = createCatalog(catalogOptions(config), builtinModels());
  const ids = new Set(catalog.list().map(({ id }) => id));
  return (clientModel) => {
    const id = catalog.resolve(clientModel)?.id;
    return id !== undefined && ids.has(id) ? id : undefined;
  };
}
