import { isSecret } from '../kernel/secret.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { formatPath } from './problems.ts';
import type { Path } from './source-problem.ts';

const MASK = '[secret]';

/** The configuration as it may be printed: secrets, contents of files and what variables filled in where anything can stand. */
export function maskedConfig(config: GatewayConfig, maskedPaths: ReadonlySet<string>): unknown {
  const mask = (value: unknown, path: Path): unknown => {
    if (isSecret(value) || maskedPaths.has(formatPath(path))) return MASK;
    if (Array.isArray(value)) return value.map((item, index) => mask(item, [...path, index]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, mask(inner, [...path, key])]),
    );
  };
  return mask(config, []);
}
