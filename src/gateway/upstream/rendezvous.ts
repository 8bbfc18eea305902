import { hash } from 'node:crypto';

export interface Weighted {
  readonly name: string;
  readonly weight: number;
}

/**
 * The members in the order a key prefers them: weighted rendezvous hashing. The same on every replica and after every
 * restart; shares of first places follow the weights; a member that comes or goes moves only the keys that it gets or had.
 */
export function rankFor<T extends Weighted>(key: string, members: readonly T[]): readonly T[] {
  return members
    .map((member) => ({ member, score: scoreOf(key, member) }))
    .sort((a, b) => b.score - a.score)
    .map(({ member }) => member);
}

/** -weight / ln(u), with u from the hash, evenly between 0 and 1 and never at either end. */
function scoreOf(key: string, { name, weight }: Weighted): number {
  const u = (hash('sha256', `${name}\0${key}`, 'buffer').readUIntBE(0, 6) + 0.5) / 2 ** 48;
  return -weight / Math.log(u);
}
