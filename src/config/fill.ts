import type { ConfigNode, MapEntry, MapNode } from './source-tree.ts';

type RawMap = Readonly<Record<string, unknown>>;

/**
 * Adds values for keys that the file leaves out. Maps merge; a list or scalar of the file stays as it is. What is added
 * stands where the map around it stands.
 */
export function filled(root: MapNode, fill: RawMap): MapNode {
  const entries = new Map(root.entries);
  for (const [key, raw] of Object.entries(fill)) {
    if (raw === undefined) continue;
    const own = entries.get(key);
    const isEmpty = own?.node.kind === 'scalar' && own.node.value === null && !own.node.expansion;
    if (!own || isEmpty) entries.set(key, addedEntry(root, own, raw));
    else if (own.node.kind === 'map' && isRawMap(raw))
      entries.set(key, { ...own, node: filled(own.node, raw) });
  }
  return { ...root, entries };
}

function addedEntry({ start }: MapNode, own: MapEntry | undefined, raw: unknown): MapEntry {
  const node = nodeOf(raw, own?.keyStart ?? start);
  return own ? { ...own, node } : { keyStart: start, keyEnd: start, node };
}

function nodeOf(raw: unknown, start: number): ConfigNode {
  const place = { start, end: start, isAdded: true } as const;
  if (Array.isArray(raw)) return { kind: 'list', ...place, items: raw.map((item) => nodeOf(item, start)) };
  if (isRawMap(raw)) {
    const entries = Object.entries(raw)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, { keyStart: start, keyEnd: start, node: nodeOf(value, start) }] as const);
    return { kind: 'map', ...place, entries: new Map(entries) };
  }
  const isScalar = typeof raw === 'string' || typeof raw === 'number' || typeof raw === 'boolean';
  return { kind: 'scalar', ...place, value: isScalar ? raw : null };
}

function isRawMap(raw: unknown): raw is RawMap {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}
