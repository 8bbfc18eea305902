import type { Model } from '../client/gateway-api.ts';

/**
 * The model for somebody who names none: of those on offer the newest Sonnet, which answers well for what it costs, or
 * else the first in the gateway's order. `undefined` when there is none.
 */
export function defaultModel(models: readonly Model[]): Model | undefined {
  const sonnets = models.filter(({ id }) => parts(id).includes('sonnet'));
  const [newest] = sonnets.toSorted((a, b) => compare(age(b.id), age(a.id)));
  return newest ?? models[0];
}

/** Version and date as an id gives them: `claude-sonnet-4-5-20250929`, `claude-3-7-sonnet-20250219`. */
function age(id: string): readonly number[] {
  const numbers = parts(id).filter((part) => /^\d+$/.test(part));
  const [major = 0, minor = 0] = numbers.filter((part) => part.length <= 2).map(Number);
  const date = numbers.find((part) => part.length === 8) ?? 0;
  return [major, minor, Number(date)];
}

function parts(id: string): readonly string[] {
  return id.toLowerCase().split(/[^a-z0-9]+/);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((value, i) => value !== b[i]);
  return index === -1 ? 0 : (a[index] ?? 0) - (b[index] ?? 0);
}
