import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { CodedError } from '../kernel/coded-error.ts';
import { escapeControl } from '../kernel/log.ts';
import { type CheckInputs, type ConfigSource, checkConfig } from './check.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { formatProblems, type Problem, problemLine } from './problems.ts';

export interface LoadedConfig {
  readonly config: GatewayConfig;
  readonly warnings: readonly Problem[];
  readonly path: string;
  /** Of the file's bytes, lower-case hex. */
  readonly sha256: string;
}

/** A configuration file as it was found. */
export type ConfigReading =
  | { readonly kind: 'valid'; readonly loaded: LoadedConfig }
  | {
      readonly kind: 'invalid';
      readonly problems: readonly Problem[];
      readonly source: ConfigSource;
      readonly sha256: string;
    };

/**
 * Reads and judges a configuration file. Throws CodedError `config_unreadable` with path and reason, or `config_invalid`
 * whose detail holds every problem and whose last line names the first of them and what to do.
 */
export async function loadConfig(path: string, inputs: CheckInputs): Promise<LoadedConfig> {
  const reading = await readConfig(path, inputs);
  if (reading.kind === 'invalid') throw invalid(reading.problems, reading.source);
  return reading.loaded;
}

/** Reads and judges a configuration file. Throws CodedError `config_unreadable` with path and reason. */
export async function readConfig(path: string, inputs: CheckInputs): Promise<ConfigReading> {
  const bytes = await readConfigFile(path);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const source = { name: path, text: bytes.toString('utf8') };
  const checked = checkConfig(source, inputs);
  if (checked.kind === 'invalid') return { kind: 'invalid', problems: checked.problems, source, sha256 };
  if (checked.kind === 'incomplete')
    throw new CodedError('config_invalid', { detail: `${path}: not all variables are set` });
  const { config, warnings } = checked;
  return { kind: 'valid', loaded: { config, warnings, path, sha256 } };
}

/** The file's bytes. Throws CodedError `config_unreadable` with path and reason. */
export async function readConfigFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const detail = `${escapeControl(path)} cannot be read: ${reasons[code] ?? (code || 'unknown reason')}`;
    throw new CodedError('config_unreadable', { detail, cause });
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EISDIR: 'it is a folder',
};

const MAX_SECRET_BYTES = 1024 * 1024;

/** Reads the file of a `${file:…}`. Throws for what is no file, and for more than a secret could be. */
export function readSecretFile(path: string): string {
  const { size } = statSync(path);
  if (size > MAX_SECRET_BYTES) throw new Error('it is larger than 1 MiB');
  return readFileSync(path, 'utf8');
}

function invalid(problems: readonly Problem[], source: ConfigSource): CodedError {
  const first = problems.find(({ severity }) => severity === 'error');
  const last = first ? problemLine(first, source) : source.name;
  return new CodedError('config_invalid', { detail: `${formatProblems(problems, source)}\n\n${last}` });
}
