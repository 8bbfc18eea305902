import type { Clock } from '../../kernel/clock.ts';
import type { Answer, Audit, Relayed } from '../exchange.ts';
import { createAuditFigures } from './audit-figures.ts';
import type { InferenceFiguresParts } from './inference-figures.ts';
import { metrics } from './metrics.ts';
import { startProcessFigures } from './process-figures.ts';
import { createRegistry } from './registry.ts';
import { createRelayFigures, type RelayFigures } from './relay-figures.ts';
import { createRouteFigures, type OnAnswered } from './route-figures.ts';
import type { Snapshot } from './snapshot.ts';
import { createStoreFigures, type StoreFigures } from './store-figures.ts';

type Relay<Rest extends readonly unknown[]> = (answer: Answer, ...rest: Rest) => Promise<Relayed>;

/** Counts at the seams between the rooms, so that no room knows of it. */
export interface GatewayMetrics {
  /** Counts each event, then records it. */
  audit(record: Audit): Audit;
  /** Counts the streams that are under way. */
  relay<Rest extends readonly unknown[]>(relay: Relay<Rest>): Relay<Rest>;
  /** Counts answers of these routes. */
  answers(routes: readonly { readonly path: string }[]): OnAnswered | undefined;
  /** Counts what the listener refuses. */
  readonly refused: ((cause: string) => void) | undefined;
  readonly store: StoreFigures | undefined;
  readonly telemetry: RelayFigures | undefined;
  /** Counts another clock that does not agree with this machine's. */
  clockOff(whose: 'store' | 'identity_provider'): void;
  /** Tells where to read what is not counted, when somebody looks. */
  read(gauges: { readonly openRequests: () => number; readonly auditLinesLost: () => number }): void;
  snapshot(): Promise<Snapshot>;
  close(): void;
}

export interface GatewayMetricsOptions {
  readonly version: string;
  readonly modelId: InferenceFiguresParts['modelId'];
}

/** Nobody looks: nothing is counted. */
export const noMetrics: GatewayMetrics = {
  audit: (record) => record,
  relay: (relay) => relay,
  answers: () => undefined,
  refused: undefined,
  store: undefined,
  telemetry: undefined,
  clockOff: () => undefined,
  read: () => undefined,
  snapshot: async () => ({}),
  close: () => undefined,
};

export function createGatewayMetrics(
  { version, modelId }: GatewayMetricsOptions,
  clock: Clock,
): GatewayMetrics {
  const registry = createRegistry();
  const countEvent = createAuditFigures({ registry, modelId });
  const openStreams = registry.cell(metrics.openStreams, {});
  const clocksOff = {
    store: registry.cell(metrics.clockOff, { clock: 'store' }),
    identity_provider: registry.cell(metrics.clockOff, { clock: 'identity_provider' }),
  };
  const close = startProcessFigures(registry, version, clock);

  return {
    audit: (record) => (event, requestId, fields) => {
      countEvent(event, fields);
      record(event, requestId, fields);
    },
    relay:
      (relay) =>
      async (answer, ...rest) => {
        if (!answer.isEventStream) return relay(answer, ...rest);
        openStreams.value += 1;
        try {
          return await relay(answer, ...rest);
        } finally {
          openStreams.value -= 1;
        }
      },
    answers: (routes) => createRouteFigures(registry, routes),
    refused: (cause) => {
      registry.cell(metrics.httpRefused, { cause }).value += 1;
    },
    store: createStoreFigures(registry),
    telemetry: createRelayFigures(registry),
    clockOff(whose) {
      clocksOff[whose].value += 1;
    },
    read({ openRequests, auditLinesLost }) {
      registry.beforeSnapshot(() => {
        registry.cell(metrics.openRequests, {}).value = openRequests();
        registry.cell(metrics.auditLinesLost, {}).value = auditLinesLost();
      });
    },
    snapshot: registry.snapshot,
    close,
  };
}
