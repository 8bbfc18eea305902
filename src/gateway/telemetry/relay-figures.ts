import type { OtlpSignal } from '../../kernel/protocol.ts';
import { metrics } from './metrics.ts';
import type { Registry } from './registry.ts';

/** How a body's way to one destination ended. */
export type Forwarded = 'delivered' | 'refused' | 'expired' | 'dropped';

/** How the telemetry relay does, as it tells it. */
export interface RelayFigures {
  ended(destination: string, signal: OtlpSignal, result: Forwarded): void;
  /** An attempt; there will be another. */
  failed(destination: string, signal: OtlpSignal): void;
  queued(destination: string, bytes: number): void;
}

export function createRelayFigures(registry: Registry): RelayFigures {
  return {
    ended(destination, signal, result) {
      registry.cell(metrics.telemetryForwarded, { destination, signal, result }).value += 1;
    },
    failed(destination, signal) {
      registry.cell(metrics.telemetryFailures, { destination, signal }).value += 1;
    },
    queued(destination, bytes) {
      registry.cell(metrics.telemetryQueued, { destination }).value = bytes;
    },
  };
}
