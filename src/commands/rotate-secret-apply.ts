import { stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { checkConfig } from '../config/check.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import { readSecretFile } from '../config/load.ts';
import { formatProblems } from '../config/problems.ts';
import { finishableAtMs, writtenTtlHours } from '../config/rotate.ts';
import { CodedError } from '../kernel/coded-error.ts';
import {
  type FileRights,
  replaceFile,
  type StagedFile,
  stageFile,
  systemReason,
  writeNewFile,
} from './config-file-edit.ts';
import type { Host } from './host.ts';
import type { Change } from './rotate-secret-plan.ts';
import { assignment, byHandLines, reportLines } from './rotate-secret-report.ts';

/** The file that is rotated in. */
export interface Target {
  /** As the user named it. */
  readonly name: string;
  readonly path: string;
  readonly rights: FileRights;
}

/** What is known of a configuration here. Where variables are not set, that may be little. */
export interface Known {
  readonly config: GatewayConfig | undefined;
  readonly ttlHours: number | undefined;
}

/**
 * Judges a text. What a change adds counts as being in place; variables that are not set here, but may be where the gateway
 * runs, are no problem. Throws `config_invalid`.
 */
export function checkedText(host: Host, target: Target, text: string, change?: Change): Known {
  const source = { name: target.name, text };
  const { reference, value } = change?.added ?? {};
  const checked = checkConfig(source, {
    env: reference?.kind === 'variable' ? { ...host.env, [reference.name]: value } : host.env,
    readFile: (path) =>
      reference?.kind === 'file' && path === reference.path ? (value ?? '') : readSecretFile(path),
    requiresEnv: false,
  });
  switch (checked.kind) {
    case 'valid':
      return { config: checked.config, ttlHours: checked.config.session.ttl_hours };
    case 'incomplete':
      return { config: undefined, ttlHours: writtenTtlHours(text) };
    case 'invalid': {
      const problems = formatProblems(checked.problems, source, { colour: host.colour });
      throw new CodedError('config_invalid', { detail: `${problems}\n\nNothing was changed` });
    }
  }
}

/** Where the new secret stands already, but for the text that is written. */
type SecretPlace = 'nowhere' | 'its file' | 'stdout';

/**
 * Brings a change about and says what comes next. Nothing is touched before the result has been found valid, and the file
 * names no secret that could not be printed: throws `command_failed` then.
 */
export async function writeChange(host: Host, target: Target, change: Change): Promise<void> {
  const { ttlHours } = checkedText(host, target, change.after, change);
  try {
    await writeSecret(change);
  } catch (error) {
    return handOver(host, target, change, `${pathOf(change)}: ${reasonOf(error)}`);
  }
  let staged: StagedFile;
  try {
    await replaceFile(`${target.path}.bak`, change.before, target.rights);
    staged = await stageFile(target.path, change.after, target.rights);
  } catch (error) {
    return handOver(host, target, change, reasonOf(error), 'its file');
  }
  const value = assignment(change);
  if (value !== undefined) await printOrDiscard(host, target, value, staged);
  try {
    await staged.commit();
  } catch (error) {
    return handOver(host, target, change, reasonOf(error), value === undefined ? 'its file' : 'stdout');
  }
  // The date in the file is cut to the second.
  const sinceMs = Math.floor(host.clock.now() / 1000) * 1000;
  const finishAtMs = ttlHours === undefined ? undefined : finishableAtMs(sinceMs, ttlHours);
  say(host, reportLines(change, target.name, finishAtMs));
}

/** The only place where the value is shown: without it, whoever changes the file would shut everybody out. */
async function printOrDiscard(
  host: Host,
  { name }: Target,
  value: string,
  staged: StagedFile,
): Promise<void> {
  try {
    await written(host.stdout, `${value}\n`);
  } catch (cause) {
    await staged.discard();
    const detail = `The new secret could not be printed: ${reasonOf(cause)}. ${name} is as it was`;
    throw new CodedError('command_failed', { detail, cause });
  }
}

/** Resolves once the system has taken the text. */
function written(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // The stream tells of its failure once more, after the callback.
    stream.on('error', reject);
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/**
 * Writes the result to stdout, for a file that cannot be written, and throws `config_not_writable` with the reason. A secret
 * that has no other place stands in a comment on the first line: the text stays valid.
 */
export async function handOver(
  host: Host,
  target: Target,
  change: Change,
  obstacle: string,
  place: SecretPlace = 'nowhere',
): Promise<never> {
  checkedText(host, target, change.after, change);
  const hasPlace = place === 'stdout' || (await placed(change, place));
  const comment = hasPlace ? '' : `# ${assignment(change) ?? `${pathOf(change)}: ${change.added?.value}`}\n`;
  host.stdout.write(`${comment}${change.after}`);
  say(host, byHandLines(change, target.name, hasPlace && place !== 'stdout'));
  throw new CodedError('config_not_writable', { detail: `${target.name} cannot be written: ${obstacle}` });
}

/** Whether the new secret stands somewhere, or could be put there. A variable is not ours to set. */
async function placed(change: Change, place: SecretPlace): Promise<boolean> {
  if (change.added?.reference.kind === 'variable') return false;
  if (place === 'its file') return true;
  return writeSecret(change).then(
    () => true,
    () => false,
  );
}

/** Beside the old one, for the same owner where this user may give files away. */
async function writeSecret({ added }: Change): Promise<void> {
  if (added?.reference.kind !== 'file' || added.beside.kind !== 'file') return;
  const { reference, beside, value } = added;
  const { uid, gid } = await stat(beside.path);
  await writeNewFile(reference.path, `${value}\n`, { uid, gid, mode: 0o600 });
}

function pathOf({ added }: Change): string {
  return added?.reference.kind === 'file' ? added.reference.path : '';
}

function reasonOf(error: unknown): string {
  const reason = systemReason(error);
  if (reason === undefined) throw error;
  return reason;
}

function say(host: Host, lines: readonly string[]): void {
  host.stderr.write(lines.map((line) => `${line}\n`).join(''));
}
