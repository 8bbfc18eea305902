/** Groups by priority, lower ones first; within a group the order of the list stays. */
export function tiersOf<T extends { readonly priority: number }>(
  members: readonly T[],
): readonly (readonly T[])[] {
  const tiers = Map.groupBy(members, ({ priority }) => priority);
  return [...tiers].sort(([a], [b]) => a - b).map(([, tier]) => tier);
}
