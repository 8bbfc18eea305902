import type { Path, SourceProblem } from './source-problem.ts';
import type { ConfigNode, ListNode, MapNode } from './source-tree.ts';

const MESSAGE = 'is not part of this version yet';

const LATER_SECTIONS = new Set(['admin', 'enforcement', 'pricing']);

/**
 * Takes out what the published surface has and this version does not serve, one problem each, so that nothing within is
 * judged.
 */
export function setAsideUnserved(root: MapNode): {
  readonly root: MapNode;
  readonly problems: readonly SourceProblem[];
} {
  const problems: SourceProblem[] = [];
  const visit = (node: ConfigNode, path: Path): ConfigNode => {
    if (node.kind === 'map') return visitMap(node, path);
    return node.kind === 'list' ? visitList(node, path) : node;
  };
  const visitMap = (node: MapNode, path: Path): MapNode => ({
    ...node,
    entries: new Map(
      [...node.entries].flatMap(([key, entry]) => {
        const hint = laterKey(path, key);
        if (hint === undefined)
          return [[key, { ...entry, node: visit(entry.node, [...path, key]) }] as const];
        problems.push({ offset: entry.keyStart, path: [...path, key], message: MESSAGE, hint });
        return [];
      }),
    ),
  });
  const visitList = (node: ListNode, path: Path): ListNode => ({
    ...node,
    items: node.items.map((item, index) => visit(item, [...path, index])),
  });
  return { root: visitMap(root, []), problems };
}

/** Why a key is not served, as a hint; undefined when it is none of the later ones. */
function laterKey(path: Path, key: string): string | undefined {
  if (path.length === 0 && LATER_SECTIONS.has(key))
    return `remove the section ${key} until a version serves it`;
  const [section, list, index, part] = path;
  if (section === 'managed' && list === 'policies' && index !== undefined && part === undefined)
    return key === 'desktop' ? 'remove the desktop: block; the rest of the policy is served' : undefined;
  return undefined;
}
