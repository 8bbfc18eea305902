import { z } from 'zod';
import { text } from './fields.ts';
import { isLoopback } from './listen.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';

const HOST_AND_PORT = /^(\[[0-9a-f:.]+\]|[^\s:[\]/@]+):(\d{1,5})$/i;
const MAX_PORT = 65_535;

export interface HostAndPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

export const metricsShape = z
  .strictObject({
    listen: text('host:port, like 127.0.0.1:9464')
      .refine((value) => hostAndPort(value) !== undefined, {
        error: 'must be host:port, like 127.0.0.1:9464 or "[::1]:9464"',
      })
      .optional()
      .meta({
        title: 'Listener',
        description:
          'Address and port of a listener of its own that serves /metrics in the text format of Prometheus, without authentication. Off by default; port 0 takes a free one.',
        examples: ['127.0.0.1:9464', '[::1]:9464'],
      }),
  })
  .meta({ title: 'Metrics', description: "The gateway's own figures, for Prometheus." });

export function checkMetrics(
  metrics: Valid<z.output<typeof metricsShape>> | undefined,
  report: Report,
): void {
  const place = metrics?.listen === undefined ? undefined : hostAndPort(metrics.listen);
  if (!place || isLoopback(place.host)) return;
  report.warning(
    ['metrics', 'listen'],
    'can be reached from other machines, and whoever reaches it may read it without signing in',
    'bind a loopback address, or let only the collector through to that port',
  );
}

/** Reads `host:port`; an IPv6 address stands in brackets. Undefined when it is none. */
export function hostAndPort(value: string): HostAndPort | undefined {
  const [, host = '', port = ''] = HOST_AND_PORT.exec(value) ?? [];
  if (host === '' || Number(port) > MAX_PORT) return undefined;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}
