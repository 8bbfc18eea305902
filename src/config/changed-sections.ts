import { isSecret } from '../kernel/secret.ts';
import type { GatewayConfig } from './gateway-config.ts';

/** The sections, in the schema's order, whose values differ; secrets are compared without being shown. */
export function changedSections(
  before: GatewayConfig,
  after: GatewayConfig,
): readonly (keyof GatewayConfig)[] {
  const names = Object.keys({ ...before, ...after }) as (keyof GatewayConfig)[];
  return names.filter((name) => !isSame(before[name], after[name]));
}

function isSame(one: unknown, other: unknown): boolean {
  if (isSecret(one) || isSecret(other))
    return isSecret(one) && isSecret(other) && one.reveal() === other.reveal();
  if (!isObject(one) || !isObject(other) || Array.isArray(one) !== Array.isArray(other))
    return Object.is(one, other);
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isSame(one[key], other[key]))
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
