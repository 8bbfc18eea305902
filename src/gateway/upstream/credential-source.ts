import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import { describe } from './failure-log.ts';

/** A credential that ends. */
export interface Lease<T> {
  readonly value: T;
  /** Milliseconds since the epoch; undefined: not known to end. */
  readonly expiresAtMs: number | undefined;
}

export interface CredentialSource<T> {
  /** At once while a good one is here. Rejects with CodedError `upstream_credentials`, whose detail ends with the cause. */
  get(): T | Promise<T>;
  /** The upstream refused this one. True when another one may be had: the next `get` fetches it. */
  refused(value: T): boolean;
}

export interface CredentialOptions<T> {
  /** What the operator calls the upstream. */
  readonly name: string;
  /** Gets a new one from wherever it comes; its errors name no secrets. */
  readonly load: () => Promise<Lease<T>>;
  /** This long before its end, or at half its life, a credential is renewed while requests go on with it. */
  readonly renewAheadMs?: number;
  /** This long before its end, or in the last quarter of its life, nobody is given it any more. */
  readonly unusableMs?: number;
}

/** The pause after a failure, in which nobody asks the source again. */
const PAUSE_MS = 5_000;

/**
 * One credential for all requests to an upstream. It is renewed ahead of its end, by one call however many ask, and what
 * is still good serves while its source is down.
 */
export function createCredentialSource<T>(
  { name, load, renewAheadMs = 120_000, unusableMs = 30_000 }: CredentialOptions<T>,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): CredentialSource<T> {
  let lease: Lease<T> | undefined;
  let renewal: Promise<T> | undefined;
  let failure: { readonly error: CodedError; readonly untilMs: number } | undefined;
  let leasedAtMs = 0;
  let renewedAtMs = Number.NEGATIVE_INFINITY;

  /** Of a short life only a part is given up: else such a credential would be renewed for every request. */
  const lastsLonger = (ms: number, partOfLife: number): boolean => {
    if (!lease) return false;
    if (lease.expiresAtMs === undefined) return true;
    const givenUpMs = Math.min(ms, (lease.expiresAtMs - leasedAtMs) * partOfLife);
    return lease.expiresAtMs - clock.now() > givenUpMs;
  };

  const renew = async (): Promise<T> => {
    try {
      lease = await load();
      leasedAtMs = clock.now();
      renewedAtMs = clock.monotonicMs();
      failure = undefined;
      return lease.value;
    } catch (cause) {
      const detail = `no credential for upstream ${name}: ${describe(cause)}`;
      const error = new CodedError('upstream_credentials', { detail, cause });
      failure = { error, untilMs: clock.monotonicMs() + PAUSE_MS };
      throw error;
    } finally {
      renewal = undefined;
    }
  };

  const isPausing = (): boolean => failure !== undefined && failure.untilMs > clock.monotonicMs();

  const renewOnce = (): Promise<T> => {
    if (failure && isPausing()) return Promise.reject(failure.error);
    renewal ??= renew();
    return renewal;
  };

  const renewAhead = (): void => {
    if (renewal || isPausing()) return;
    renewOnce().catch((error: unknown) =>
      log.warn(`${describe(error)}; the one at hand goes on serving until it ends`),
    );
  };

  return {
    get() {
      if (!lease || !lastsLonger(unusableMs, 1 / 4)) return renewOnce();
      if (!lastsLonger(renewAheadMs, 1 / 2)) renewAhead();
      return lease.value;
    },
    refused(value) {
      // Another request has had it renewed since, or is about to.
      if (lease?.value !== value) return lease !== undefined || !isPausing();
      // A new one that is refused as well is not the credential's age.
      if (clock.monotonicMs() - renewedAtMs < PAUSE_MS) return false;
      lease = undefined;
      return true;
    },
  };
}
