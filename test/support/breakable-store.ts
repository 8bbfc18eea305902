import type { Store } from '../../src/gateway/store/ports.ts';
import { CodedError } from '../../src/kernel/coded-error.ts';

/** `silent`: the store takes questions and never answers. */
export type StoreCondition = 'up' | 'down' | 'silent';

export interface BreakableStore extends Store {
  condition: StoreCondition;
  /** Resolves when that method, e.g. `revocations.listAfter`, has answered or refused a question asked from now on, and whoever asked has gone on. */
  answered(method: string): Promise<void>;
  /** Does something just before the next question to that method is answered, whatever the condition then is. */
  before(method: string, work: () => unknown): void;
}

/** A real store that can be taken away and given back. */
export function createBreakableStore(store: Store): BreakableStore {
  const listeners = new Map<string, (() => void)[]>();
  const hooks = new Map<string, () => unknown>();

  const around = async <T>(method: string, work: () => Promise<T>): Promise<T> => {
    const told = listeners.get(method) ?? [];
    listeners.delete(method);
    const hook = hooks.get(method);
    hooks.delete(method);
    await hook?.();
    if (breakable.condition === 'silent') return new Promise(() => undefined);
    try {
      if (breakable.condition === 'down') throw new CodedError('store_unavailable', { detail: 'taken away' });
      return await work();
    } finally {
      for (const listener of told) setImmediate(listener);
    }
  };

  const port = <Port extends object>(name: string, real: Port): Port =>
    new Proxy(real, {
      get(target, key) {
        const method: unknown = Reflect.get(target, key);
        if (typeof method !== 'function') return method;
        return (...args: unknown[]) => around(`${name}.${String(key)}`, async () => method(...args));
      },
    });

  const breakable: BreakableStore = {
    condition: 'up',
    answered: (method) =>
      new Promise((resolve) => listeners.set(method, [...(listeners.get(method) ?? []), resolve])),
    before: (method, work) => hooks.set(method, work),
    grants: port('grants', store.grants),
    rateCounters: port('rateCounters', store.rateCounters),
    sessions: port('sessions', store.sessions),
    revocations: port('revocations', store.revocations),
    refreshNotes: port('refreshNotes', store.refreshNotes),
    ping: (signal) => around('ping', () => store.ping(signal)),
    nowMs: () => around('nowMs', () => store.nowMs()),
    sweep: (nowMs) => around('sweep', () => store.sweep(nowMs)),
    close: () => store.close(),
  };
  return breakable;
}
