import { CodedError } from '../kernel/coded-error.ts';
import type { Step } from './rotate-secret-plan.ts';

export interface RotateOptions {
  readonly config: string;
  readonly finish?: boolean;
  readonly now?: boolean;
  readonly print?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly yes?: boolean;
}

/** Which step the flags ask for. Throws `bad_usage` for flags that do not go together. */
export function stepOf({ print, finish, now, dryRun, force, yes }: RotateOptions): Step | 'print' {
  const chosen = [print && '--print', finish && '--finish', now && '--now'].filter(Boolean);
  if (chosen.length > 1) throw badUsage(`${chosen.join(' and ')} exclude each other`);
  if ((force || yes) && !finish) throw badUsage(`${force ? '--force' : '--yes'} goes with --finish`);
  if (print && dryRun) throw badUsage('--print and --dry-run exclude each other');
  if (print) return 'print';
  if (finish) return 'finish';
  return now ? 'now' : 'add';
}

function badUsage(detail: string): CodedError {
  return new CodedError('bad_usage', { detail });
}
