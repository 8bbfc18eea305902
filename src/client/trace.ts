import type { Clock } from '../kernel/clock.ts';
import { isCodedError } from '../kernel/coded-error.ts';
import type { GatewayConnection, GatewayRequest, GatewayResponse } from './gateway-connection.ts';
import { printable } from './printable.ts';

/** Takes a line of what goes on between this machine and a gateway. It holds no token, key or code, and nothing of a body. */
export type Trace = (line: string) => void;

export const silent: Trace = () => undefined;

/**
 * A connection that says each exchange in one line: method, address, status, the wait for the answer's headers, and the
 * gateway's request id. Values of the query stay out: some are secrets.
 */
export function traceConnection(
  connection: GatewayConnection,
  clock: Clock,
  trace: Trace,
): GatewayConnection {
  return {
    ...connection,
    async request(request) {
      const startedMs = clock.monotonicMs();
      const say = (outcome: string): void => {
        const tookMs = Math.round(clock.monotonicMs() - startedMs);
        trace(`${request.method} ${connection.origin}${placeOf(request)} ${outcome} ${tookMs} ms`);
      };
      try {
        const response = await connection.request(request);
        say(`${response.status}${requestIdOf(response)}`);
        return response;
      } catch (error) {
        say(`failed (${reasonOf(error)})`);
        throw error;
      }
    },
  };
}

function placeOf({ path }: GatewayRequest): string {
  const [pathname = '', query] = printable(path).split('?', 2);
  if (query === undefined) return pathname;
  return `${pathname}?${query.replace(/=[^&]*/g, '=…')}`;
}

function requestIdOf({ headers }: GatewayResponse): string {
  const id = headers['request-id'];
  return typeof id === 'string' && id !== '' ? ` ${printable(id)}` : '';
}

/** Codes only: nothing that could hold what the error is about. */
function reasonOf(error: unknown): string {
  if (isCodedError(error)) return [error.code, error.facts['reason']].filter(Boolean).join(': ');
  return error instanceof Error ? error.name : 'unknown';
}
