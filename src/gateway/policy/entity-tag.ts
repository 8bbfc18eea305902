const TAG = /(?:W\/)?("[^"]*")/g;

/**
 * Whether `If-None-Match` (RFC 9110 section 13.1.2) names this entity tag: alone or in a list, strong or weak. `*` is as if
 * it were absent, so that nobody is told "not modified" who has never said what they have.
 */
export function isKnownTag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return [...ifNoneMatch.matchAll(TAG)].some(([, tag]) => tag === etag);
}
