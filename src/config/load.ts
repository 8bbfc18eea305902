import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { CodedError } from '../kernel/coded-error.ts';
import { type CheckInputs, checkConfig } from './check.ts';
import type { GatewayConfig } from './gateway-config.ts';
import type { Problem } from './problems.ts';

export interface LoadedConfig {
  readonly config: GatewayConfig;
  readonly warnings: readonly Problem[];
  readonly path: string;
  /** Of the file's bytes, lower-case hex. */
  readonly sha256: string;
}

/**
 * Reads and judges a configuration file. Throws CodedError `config_unreadable` with path and reason, or `config_invalid`
 * whose detail holds every problem and whose last line names the first of them and what to do.
 */
export async function loadConfig(path: string, inputs: CheckInputs): Promise<LoadedConfig> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason';
    throw new CodedError('config_unreadable', { detail: `${path} cannot be read (${reason})`, cause });
  });
  const checked = checkConfig({ name: path, text: bytes.toString('utf8') }, inputs);
  if (checked.kind !== 'valid') {
    const problems = checked.kind === 'invalid' ? checked.problems : checked.warnings;
    const lines = problems.map(
      ({ path: key, line, column, message }) => `${path}:${line}:${column} ${key} ${message}`,
    );
    throw new CodedError('config_invalid', { detail: lines.join('\n') });
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { config: checked.config, warnings: checked.warnings, path, sha256 };
}

/** Reads the file of a `${file:…}`. */
export function readSecretFile(path: string): string {
  return readFileSync(path, 'utf8');
}
