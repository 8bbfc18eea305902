import { scanBody } from '../../src/gateway/http/body-scan.ts';
import type { OutgoingRequest } from '../../src/gateway/upstream/provider.ts';

/** A request as a provider is handed it. */
export function outgoingRequest(
  body: object = {},
  headers: Readonly<Record<string, string>> = {},
  fields: Partial<OutgoingRequest> = {},
): OutgoingRequest {
  const bytes = Buffer.from(JSON.stringify({ model: 'claude-test', max_tokens: 100, messages: [], ...body }));
  return {
    endpoint: 'messages',
    isStreamed: false,
    query: '',
    body: scanBody(bytes),
    upstreamModel: 'claude-test',
    message: { headers, rawHeaders: Object.entries(headers).flat() },
    caller: { sub: 'dev-1', email: 'dev@example.test' },
    ...fields,
  };
}
