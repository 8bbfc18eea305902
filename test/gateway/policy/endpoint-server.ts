import type { AuditFields, Caller } from '../../../src/gateway/exchange.ts';
import { createRouter } from '../../../src/gateway/http/router.ts';
import { createHttpServer } from '../../../src/gateway/http/server.ts';
import type { CallerHandler } from '../../../src/gateway/policy/models-endpoint.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';

export type AuditedLine = AuditFields & { readonly event: string };

/** One endpoint behind the real listener, asked by whomever `callerOf` says. */
export async function serveEndpoint(path: string, handler: CallerHandler, callerOf: () => Caller) {
  const log = createMemoryLog();
  const server = createHttpServer(
    {
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      keepAliveSeconds: 60,
      maxRequestHeaderBytes: undefined,
      maxUrlLength: undefined,
    },
    {
      handle: createRouter(
        {
          routes: [
            {
              method: 'GET',
              path,
              envelope: 'messages',
              handle: (request, reply) => handler(request, reply, callerOf()),
            },
          ],
          errorPage: () => undefined,
        },
        log,
      ),
      clientAddress: () => ({ kind: 'unknown' }),
      admit: () => ({ kind: 'admitted', ip: '198.51.100.7' }),
      log,
      clock: systemClock,
    },
  );
  const { port } = await server.listen();
  return { url: `http://127.0.0.1:${port}${path}`, close: () => server.close(AbortSignal.abort()) };
}
