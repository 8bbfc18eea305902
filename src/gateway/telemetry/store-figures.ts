import { metrics } from './metrics.ts';
import type { Registry } from './registry.ts';

/** How the store does, as its circuit tells it. */
export interface StoreFigures {
  answered(ms: number): void;
  failed(): void;
  circuit(isOpen: boolean): void;
}

export function createStoreFigures(registry: Registry): StoreFigures {
  const seconds = registry.histogram(metrics.storeSeconds, {});
  const failures = registry.cell(metrics.storeFailures, {});
  const circuit = registry.cell(metrics.storeCircuitOpen, {});
  return {
    answered: (ms) => seconds.observe(ms / 1000),
    failed() {
      failures.value += 1;
    },
    circuit(isOpen) {
      circuit.value = isOpen ? 1 : 0;
    },
  };
}
