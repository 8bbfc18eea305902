import { expect, it } from 'vitest';
import { metrics } from '../../../src/gateway/telemetry/metrics.ts';
import { createRegistry } from '../../../src/gateway/telemetry/registry.ts';
import { createRouteFigures } from '../../../src/gateway/telemetry/route-figures.ts';

it('answers are counted by route and status, and whatever no route has is one', async () => {
  const registry = createRegistry();
  const routes = ['/', '/v1/models', '/v1/models/:id', '/a.b/:c'].map((path) => ({ path }));
  const count = createRouteFigures(registry, routes);
  count('/', 200);
  count('/v1/models', 200);
  count('/v1/models', 401);
  for (const id of ['a', 'b', 'ada@example.com']) count(`/v1/models/${id}`, 404);
  for (const path of ['/v1/models/a/b', '/v1/models/', '/v1', '/axb/c', '/:id', '']) count(path, 404);
  count('/', 200);
  expect((await registry.snapshot())[metrics.httpRequests.name]).toEqual({
    'route="/",status="200"': 2,
    'route="/v1/models",status="200"': 1,
    'route="/v1/models",status="401"': 1,
    'route="/v1/models/:id",status="404"': 3,
    'route="other",status="404"': 6,
  });
});
