import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { GuardedFetch } from '../exchange.ts';
import type { Store } from '../store/ports.ts';

const TOLERANCE_MS = 30_000;
const QUIET_MS = 3_600_000;
const STORE_EVERY_MS = 60_000;

/** Whose clocks the gateway's own is compared with, and what a difference leads to. */
const OTHERS = {
  store: {
    name: 'the store',
    fix: "replicas whose clocks differ refuse each other's tokens and end sessions and sign-ins at the wrong time; let both machines follow a time server (NTP)",
  },
  identity_provider: {
    name: 'the identity provider',
    fix: "its id_tokens seem expired or not valid yet, and sign-ins are refused; let this machine follow a time server (NTP), and where the provider's clock is the wrong one, raise oidc.clock_skew_seconds until it is right",
  },
} as const;

export type OtherClock = keyof typeof OTHERS;

/** Compares this machine's clock with those it must agree with; a difference of more than 30 s is counted, and logged once an hour. */
export interface ClockWatch {
  /** Looks at once and then every minute; resolves after the first look with how to end that. */
  followStore(store: Pick<Store, 'nowMs'>): Promise<() => void>;
  /** The same fetch; the `Date` (RFC 9110 section 6.6.1) of every answer is looked at. */
  followProvider(fetch: GuardedFetch): GuardedFetch;
}

export interface ClockWatchParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly onOff: (whose: OtherClock) => void;
}

export function createClockWatch({ clock, log, onOff }: ClockWatchParts): ClockWatch {
  const warnedAtMs = new Map<OtherClock, number>();

  /** What the other clock showed at some moment since `askedAtMs`. */
  const compare = (whose: OtherClock, theirsMs: number, askedAtMs: number): void => {
    const offMs = theirsMs - Math.max(askedAtMs, Math.min(theirsMs, clock.now()));
    if (Math.abs(offMs) <= TOLERANCE_MS) return;
    onOff(whose);
    const last = warnedAtMs.get(whose);
    const nowMs = clock.monotonicMs();
    if (last !== undefined && nowMs - last < QUIET_MS) return;
    warnedAtMs.set(whose, nowMs);
    const { name, fix } = OTHERS[whose];
    const how = `${Math.round(Math.abs(offMs) / 1000)} s ${offMs > 0 ? 'ahead of' : 'behind'}`;
    log.warn(`${name} has a clock that is ${how} this machine's: ${fix}. This is logged once an hour.`);
  };

  return {
    async followStore(store) {
      const look = async (): Promise<void> => {
        const askedAtMs = clock.now();
        // A store that does not answer is its circuit's to tell.
        const theirsMs = await store.nowMs().catch(() => undefined);
        if (theirsMs !== undefined) compare('store', theirsMs, askedAtMs);
      };
      await look();
      const timer = setInterval(look, STORE_EVERY_MS);
      timer.unref();
      return () => clearInterval(timer);
    },
    followProvider: (fetch) => async (input, init) => {
      const askedAtMs = clock.now();
      const response = await fetch(input, init);
      const theirsMs = shownBy(response.headers);
      if (theirsMs !== undefined) compare('identity_provider', theirsMs, askedAtMs);
      return response;
    },
  };
}

/** What the sender's clock shows now. A cache says in `Age` for how long it has kept the answer (RFC 9111 section 5.1). */
function shownBy(headers: Headers): number | undefined {
  const dateMs = Date.parse(headers.get('date') ?? '');
  const ageSeconds = Number(headers.get('age') ?? 0);
  return Number.isNaN(dateMs) || !(ageSeconds >= 0) ? undefined : dateMs + ageSeconds * 1000;
}
