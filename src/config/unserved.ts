import type { Path, SourceProblem } from './source-problem.ts';
import { type ConfigNode, gap, type ListNode, type MapNode } from './source-tree.ts';

const MESSAGE = 'is not part of this version yet';

const LATER_SECTIONS = new Set(['admin', 'enforcement', 'pricing', 'telemetry']);
const LATER_PROVIDERS = new Set(['bedrock', 'mantle', 'anthropicAws', 'vertex', 'foundry']);
const LATER_AUTH = new Set([
  'federation_rule_id',
  'organization_id',
  'identity_token_file',
  'workspace_id',
  'service_account_id',
]);

const LATER_AUTH_HINT = 'use auth.api_key or auth.oauth_token; workload identity federation comes later';

/**
 * Takes out what the published surface has and this version does not serve, one problem each, so that nothing within is
 * judged. What is left in its place is a gap.
 */
export function setAsideUnserved(root: MapNode): {
  readonly root: MapNode;
  readonly problems: readonly SourceProblem[];
} {
  const problems: SourceProblem[] = [];
  const visit = (node: ConfigNode, path: Path): ConfigNode => {
    if (node.kind === 'map') return isLaterAuth(node, path) ? setAsideAuth(node, path) : visitMap(node, path);
    return node.kind === 'list' ? visitList(node, path) : node;
  };
  const setAsideAuth = (node: MapNode, path: Path): ConfigNode => {
    for (const [key, { keyStart }] of node.entries) {
      if (LATER_AUTH.has(key))
        problems.push({ offset: keyStart, path: [...path, key], message: MESSAGE, hint: LATER_AUTH_HINT });
    }
    return gap(node);
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
    items: node.items.map((item, index) => {
      const provider = path.length === 1 && path[0] === 'upstreams' ? providerOf(item) : undefined;
      if (provider === undefined) return visit(item, [...path, index]);
      problems.push({
        offset: provider.start,
        path: [...path, index, 'provider'],
        message: `is ${provider.value}, which ${MESSAGE}`,
        hint: 'this version serves anthropic: the Anthropic API, or what speaks the Messages API at base_url',
      });
      return gap(item);
    }),
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

function isLaterAuth(node: MapNode, [section, , key, ...rest]: Path): boolean {
  const isAuth = section === 'upstreams' && key === 'auth' && rest.length === 0;
  return isAuth && [...node.entries.keys()].some((name) => LATER_AUTH.has(name));
}

function providerOf(item: ConfigNode) {
  const provider = item.kind === 'map' ? item.entries.get('provider')?.node : undefined;
  const isLater = provider?.kind === 'scalar' && LATER_PROVIDERS.has(String(provider.value));
  return isLater ? provider : undefined;
}
