import type { SourceProblem } from './source-problem.ts';
import type { MapNode } from './source-tree.ts';

const MESSAGE = 'is not part of this version yet';

const LATER_SECTIONS = new Set(['admin', 'enforcement', 'pricing']);

/** Takes out the sections that the published surface has and this version does not serve, one problem each, so that nothing within is judged. */
export function setAsideUnserved(root: MapNode): {
  readonly root: MapNode;
  readonly problems: readonly SourceProblem[];
} {
  const isLater = ([key]: readonly [string, unknown]): boolean => LATER_SECTIONS.has(key);
  const problems = [...root.entries].filter(isLater).map(([key, { keyStart }]) => ({
    offset: keyStart,
    path: [key],
    message: MESSAGE,
    hint: `remove the section ${key} until a version serves it`,
  }));
  const kept = [...root.entries].filter((entry) => !isLater(entry));
  return { root: { ...root, entries: new Map(kept) }, problems };
}
