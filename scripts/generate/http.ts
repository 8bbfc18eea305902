import { ENDPOINT_RULES, endpointTable } from '../../src/gateway/protocol/endpoints.ts';
import { createRoutes, type RouteParts } from '../../src/gateway/routes.ts';
import { generatedFrom } from './markdown.ts';

/** Stands for every part of the gateway: endpoints are only listed here. */
const nothing: unknown = new Proxy(() => undefined, { get: () => nothing });

/** `docs/http.md`: every endpoint of the table that the gateway routes by. */
export function httpPage(): string {
  return `${generatedFrom('src/gateway/routes.ts')}

# Endpoints

${endpointTable(createRoutes(nothing as RouteParts))}

${ENDPOINT_RULES}

A running gateway tells the rest at \`GET /protocol\`, as Markdown and to anybody: how to sign in, what is sent to upstreams and what comes
back, its limits, what is switched on, and what it has learnt of its upstreams. What it answers when something is wrong is in
[errors.md](errors.md). With \`metrics.listen\` a listener of its own serves \`GET /metrics\` ([metrics.md](metrics.md)).
`;
}
