import { finishableAtMs, type SecretEntry } from '../config/rotate.ts';
import type { CountedSessions } from '../gateway/doors/count-sessions.ts';
import { CodedError } from '../kernel/coded-error.ts';
import type { Host } from './host.ts';
import type { Known } from './rotate-secret-apply.ts';
import type { RotateOptions } from './rotate-secret-options.ts';
import { count, duration, instant } from './rotate-secret-report.ts';

/**
 * Whether the old secrets may go. Throws `rotation_too_early`; with sessions left that rest on them it says how many and
 * asks, and throws `bad_usage` where there is nobody to ask, `command_failed` when the answer is no.
 */
export async function decideFinish(
  host: Host,
  options: RotateOptions,
  { config, ttlHours }: Known,
  first: SecretEntry,
): Promise<void> {
  if (!options.force) refuseTooEarly(first, ttlHours, host.clock.now());
  if (options.dryRun) return;
  const left = await countLeft(host, config, first.sinceMs);
  if (left === 0 || options.force || options.yes) return;
  if (!host.isInteractive) {
    throw new CodedError('bad_usage', {
      detail: 'There is no terminal to ask on whether those sessions may end: add --yes',
    });
  }
  if (await host.confirm('Remove the old secrets all the same?', false)) return;
  throw new CodedError('command_failed', { detail: 'Nothing was changed' });
}

function refuseTooEarly(first: SecretEntry, ttlHours: number | undefined, nowMs: number): void {
  if (first.sinceMs === undefined) {
    const detail =
      'No date stands beside the first entry of session.jwt_secret, so nobody can tell since when it signs';
    throw new CodedError('rotation_too_early', { detail });
  }
  if (ttlHours === undefined) {
    const detail =
      'session.ttl_hours is a variable that is not set here, so nobody can tell how long to wait';
    throw new CodedError('rotation_too_early', { detail });
  }
  const at = finishableAtMs(first.sinceMs, ttlHours);
  if (nowMs >= at) return;
  const detail = `Sessions may rest on the old secrets until ${instant(at)} (${duration(at - nowMs)} from now)`;
  throw new CodedError('rotation_too_early', { detail });
}

/** Says how many sessions would end, or why that is not known; then 0, for there is nothing to decide upon. */
async function countLeft(host: Host, config: Known['config'], sinceMs: number | undefined): Promise<number> {
  if (sinceMs === undefined) return 0;
  const counted = await countedIn(host, config, sinceMs);
  if (counted.kind === 'out_of_reach') {
    host.stderr.write(`The sessions that rest on the old secrets were not counted: ${counted.reason}\n`);
    return 0;
  }
  const left = counted.count;
  const sentence =
    left === 0
      ? `Every session has renewed since ${instant(sinceMs)}`
      : `${count(left, 'session')} not renewed since ${instant(sinceMs)}: whoever has one would have to sign in again`;
  host.stderr.write(`${sentence}\n`);
  return left;
}

async function countedIn(host: Host, config: Known['config'], sinceMs: number): Promise<CountedSessions> {
  if (!config)
    return { kind: 'out_of_reach', reason: 'variables that the configuration names are not set here' };
  const { countSessions } = await import('../gateway/doors/count-sessions.ts');
  return countSessions(config, sinceMs, host.clock);
}
