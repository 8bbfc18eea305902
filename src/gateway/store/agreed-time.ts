/**
 * SQL for the earlier of a time that the gateway gives (a parameter, in milliseconds) and what the store's own clock shows.
 * What is over by both is over: a gateway whose clock is ahead neither takes away nor overlooks what still matters.
 */
export function earlierOfBoth(parameter: '$1' | '$2'): string {
  return `least(${parameter}::bigint, (extract(epoch from now()) * 1000)::bigint)`;
}
