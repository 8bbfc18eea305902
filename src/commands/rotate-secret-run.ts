import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { withFileLock } from '../client/file-lock.ts';
import { findSigningSecrets } from '../config/rotate.ts';
import { maskedDiff } from '../config/rotate-diff.ts';
import { CodedError } from '../kernel/coded-error.ts';
import { assertWritable, locateFile, systemReason } from './config-file-edit.ts';
import type { Host } from './host.ts';
import { checkedText, handOver, type Known, type Target, writeChange } from './rotate-secret-apply.ts';
import { decideFinish } from './rotate-secret-finish.ts';
import { type RotateOptions, stepOf } from './rotate-secret-options.ts';
import { type Change, planChange, type Step } from './rotate-secret-plan.ts';

const SECRET_BYTES = 32;

/**
 * One step of a rotation. Throws `config_unreadable`, `config_invalid`, `config_not_writable`, `rotation_too_early`,
 * `lock_held`, and what `decideFinish` throws.
 */
export async function rotateSecret(host: Host, options: RotateOptions): Promise<void> {
  const step = stepOf(options);
  if (step === 'print') {
    host.stdout.write(`${newSecret()}\n`);
    return;
  }
  const target = await locate(host, options.config);
  const seen = await readText(target);
  const known = checkedText(host, target, seen);
  if (step === 'finish' && !(await mayFinish(host, options, target, seen, known))) return;
  if (options.dryRun) {
    showChange(host, target, planned(host, step, seen));
    return;
  }
  const obstacle = await assertWritable(target.path).catch(reasonOrThrow);
  if (obstacle !== undefined) return handOver(host, target, planned(host, step, seen), obstacle);
  try {
    // Of several that rotate at once, one edits after the other.
    await withFileLock(`${target.path}.lock`, async () => {
      const before = await readText(target);
      if (step === 'finish' && before !== seen) throw changedMeanwhile(target);
      await writeChange(host, target, planned(host, step, before));
    });
  } catch (error) {
    await handOver(host, target, planned(host, step, seen), reasonOrThrow(error));
  }
}

async function locate(host: Host, name: string): Promise<Target> {
  try {
    return { name, ...(await locateFile(resolve(host.cwd, name))) };
  } catch (cause) {
    const detail = `${name} cannot be read: ${systemReason(cause) ?? 'for an unknown reason'}`;
    throw new CodedError('config_unreadable', { detail, cause });
  }
}

function changedMeanwhile({ name }: Target): CodedError {
  return new CodedError('command_failed', { detail: `${name} has changed meanwhile; run this again` });
}

/** Bytes that are no UTF-8 could not be written back as they were. */
async function readText({ name, path }: Target): Promise<string> {
  const bytes = await readFile(path);
  if (!isUtf8(bytes)) throw new CodedError('config_invalid', { detail: `${name} is not UTF-8` });
  return bytes.toString('utf8');
}

/** False when there is nothing to finish. */
async function mayFinish(
  host: Host,
  options: RotateOptions,
  target: Target,
  text: string,
  known: Known,
): Promise<boolean> {
  const { entries } = findSigningSecrets(text);
  if (entries.length === 1) {
    host.stderr.write(`${target.name} has one secret only: there is nothing to finish\n`);
    return false;
  }
  await decideFinish(host, options, known, entries[0]);
  return true;
}

function planned(host: Host, step: Step, text: string): Change {
  const isTaken = (name: string) => host.env[name] !== undefined || existsSync(name);
  return planChange(step, text, { nowMs: host.clock.now(), newSecret, isTaken });
}

function showChange(host: Host, target: Target, change: Change): void {
  checkedText(host, target, change.after, change);
  host.stdout.write(maskedDiff(change.before, change.after));
  host.stderr.write('Nothing was changed\n');
}

function reasonOrThrow(error: unknown): string {
  const reason = systemReason(error);
  if (reason === undefined) throw error;
  return reason;
}

function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}
