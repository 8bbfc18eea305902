import { parseIpAddress } from '../../kernel/ip-address.ts';
import type { RateCounters, RateHit, RateLimit } from '../store/ports.ts';

export interface SignInLimits {
  readonly deviceAuthorization: RateLimit;
  readonly deviceVerify: RateLimit;
}

export type LimitName = keyof SignInLimits;

/** Limits per client address, shared by all replicas; IPv6 is counted by /64. */
export function createSignInLimits(counters: RateCounters, limits: SignInLimits) {
  const key = (name: LimitName, clientIp: string) => `${name}:${networkOf(clientIp)}`;
  return {
    hit: (name: LimitName, clientIp: string, nowMs: number) =>
      counters.hit(key(name, clientIp), limits[name], nowMs),
    giveBack: (name: LimitName, clientIp: string, hit: RateHit) =>
      counters.giveBack(key(name, clientIp), hit),
  };
}

export type SignInLimiter = ReturnType<typeof createSignInLimits>;

function networkOf(clientIp: string): string {
  const address = parseIpAddress(clientIp);
  return address?.version === 6 ? `${(address.value >> 64n).toString(16)}/64` : clientIp;
}
