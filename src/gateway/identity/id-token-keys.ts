import { createLocalJWKSet, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { Clock } from '../../kernel/clock.ts';
import { withinBudget } from './openid-budget.ts';
import { unreadable } from './openid-errors.ts';
import type { ProviderFetch } from './openid-fetch.ts';

const KeySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

const MAX_AGE_MS = 10 * 60_000;
/** Keys are read again for tokens that do not verify at most this often: the provider must not be asked for each of them. */
const COOLDOWN_MS = 30_000;
const LOAD_BUDGET_MS = 5_000;

/** Finds a key among those that the provider publishes. Throws jose's JWKS errors when none fits. */
export type FindKey = JWTVerifyGetKey;

/** Both throw `idp_unreachable` or `idp_answer` when the keys cannot be read. */
export interface IdTokenKeys {
  current(): Promise<FindKey>;
  /** Newer ones than these, with which a token could not be verified; undefined when they were read a moment ago. */
  newerThan(used: FindKey): Promise<FindKey | undefined>;
}

/** The provider's signing keys (RFC 7517), kept for ten minutes. */
export function createIdTokenKeys(jwksUri: string, fetch: ProviderFetch, clock: Clock): IdTokenKeys {
  let known: { readonly find: FindKey; readonly loadedAtMs: number } | undefined;
  let loading: Promise<FindKey> | undefined;

  const load = async (): Promise<FindKey> => {
    const find = await withinBudget(clock, LOAD_BUDGET_MS, async (signal) => {
      const headers = { accept: 'application/json, application/jwk-set+json' };
      const response = await fetch(jwksUri, { headers, signal }, 'keys');
      const body: unknown = await response.json().catch(() => undefined);
      const keySet = KeySet.safeParse(body);
      if (!keySet.success) throw unreadable('no key set', 'keys');
      return createLocalJWKSet(keySet.data);
    });
    known = { find, loadedAtMs: clock.monotonicMs() };
    return find;
  };

  const reload = (): Promise<FindKey> => {
    loading ??= load().finally(() => {
      loading = undefined;
    });
    return loading;
  };

  const ageMs = () => (known ? clock.monotonicMs() - known.loadedAtMs : Number.POSITIVE_INFINITY);

  return {
    current: async () => (known && ageMs() < MAX_AGE_MS ? known.find : reload()),
    async newerThan(used) {
      if (known && known.find !== used) return known.find;
      return ageMs() < COOLDOWN_MS ? undefined : reload();
    },
  };
}
