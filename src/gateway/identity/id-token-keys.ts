import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { Clock } from '../../kernel/clock.ts';
import { withinBudget } from './openid-budget.ts';
import { unreadable } from './openid-errors.ts';
import type { ProviderFetch } from './openid-fetch.ts';

const KeySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

const MAX_AGE_MS = 10 * 60_000;
/** An unknown key is looked for again at most this often: a provider that names none must not be asked for each token. */
const COOLDOWN_MS = 30_000;
const LOAD_BUDGET_MS = 5_000;

/**
 * The provider's signing keys (RFC 7517), kept for ten minutes and read again when a token names an unknown one. Throws
 * `idp_unreachable` or `idp_answer` when they cannot be read, jose's JWKS errors when none fits.
 */
export function createIdTokenKeys(jwksUri: string, fetch: ProviderFetch, clock: Clock): JWTVerifyGetKey {
  let known: { readonly find: JWTVerifyGetKey; readonly loadedAtMs: number } | undefined;
  let loading: Promise<JWTVerifyGetKey> | undefined;

  const load = async (): Promise<JWTVerifyGetKey> => {
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

  const reload = (): Promise<JWTVerifyGetKey> => {
    loading ??= load().finally(() => {
      loading = undefined;
    });
    return loading;
  };

  const ageMs = () => (known ? clock.monotonicMs() - known.loadedAtMs : Number.POSITIVE_INFINITY);

  return async (header, token) => {
    const find = known && ageMs() < MAX_AGE_MS ? known.find : await reload();
    try {
      return await find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || ageMs() < COOLDOWN_MS) throw error;
      const newer = await reload();
      return newer(header, token);
    }
  };
}
