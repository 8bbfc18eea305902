import { metrics } from './metrics.ts';
import type { Cell, Registry } from './registry.ts';

/** Tells of every answer: the path that was asked for, and the status. */
export type OnAnswered = (path: string, status: number) => void;

const NO_ROUTE = 'other';

/** Counts answers by route. Paths that no route has are one: clients can ask for anything. */
export function createRouteFigures(
  registry: Registry,
  routes: readonly { readonly path: string }[],
): OnAnswered {
  const open = (route: string) => ({ route, cells: new Map<number, Cell>() });
  const literal = new Map(
    routes.filter(({ path }) => !path.includes('/:')).map(({ path }) => [path, open(path)] as const),
  );
  const patterns = routes
    .filter(({ path }) => path.includes('/:'))
    .map(({ path }) => ({ ...open(path), pattern: patternOf(path) }));
  const none = open(NO_ROUTE);

  return (path, status) => {
    const { route, cells } = literal.get(path) ?? patterns.find(({ pattern }) => pattern.test(path)) ?? none;
    let cell = cells.get(status);
    if (!cell) {
      cell = registry.cell(metrics.httpRequests, { route, status: String(status) });
      cells.set(status, cell);
    }
    cell.value += 1;
  };
}

/** `/a/:b` as the router reads it: `:b` is one segment. */
function patternOf(path: string): RegExp {
  const segments = path
    .split('/')
    .map((segment) => (segment.startsWith(':') ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${segments.join('/')}$`);
}
