/**
 * JSON without white space and with the keys of every object sorted: as a JavaScript object prints them, integer-like keys
 * first and by number, the others by UTF-16 code units.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const members = new Map(Object.entries(value));
  // Objects put integer-like keys first by themselves.
  return Object.fromEntries([...members.keys()].sort().map((key) => [key, sorted(members.get(key))]));
}
