import type { Clock } from '../../kernel/clock.ts';

/** Says something now, or nothing when the same cause had its say less than a minute ago. `more` tells how often it had none, ready to be appended. */
export type OnceAMinute = (cause: string, say: (more: string) => void) => void;

const QUIET_MS = 60_000;

/** `cause` is one of a closed set: each is remembered. */
export function createOnceAMinute(clock: Clock): OnceAMinute {
  const spoken = new Map<string, { readonly atMs: number; unsaid: number }>();
  return (cause, say) => {
    const nowMs = clock.monotonicMs();
    const last = spoken.get(cause);
    if (last && nowMs - last.atMs < QUIET_MS) {
      last.unsaid += 1;
      return;
    }
    spoken.set(cause, { atMs: nowMs, unsaid: 0 });
    say(last?.unsaid ? `; ${last.unsaid} more for this cause since the last such line` : '');
  };
}
