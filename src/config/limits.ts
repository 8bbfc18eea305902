import { z } from 'zod';
import { whole } from './fields.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';

const GIB = 1024 ** 3;
const MAX_HEADER_BYTES = 262_144;
/** One session may hold this part of `max_buffered_bytes`. */
const SHARE_OF_ONE_SESSION = 8;

const perDeveloperShape = z
  .strictObject({
    concurrent: whole(1, 100_000)
      .optional()
      .meta({
        title: 'Concurrent requests',
        description: 'Inference requests one developer may have open at once, in each process; above it 429.',
        examples: [20],
      }),
    requests_per_minute: whole(1, 1_000_000)
      .optional()
      .meta({
        title: 'Requests per minute',
        description:
          'Inference requests one developer may start within a minute, in each process; above it 429.',
        examples: [300],
      }),
  })
  .meta({
    title: 'Per developer',
    description: 'Keeps a runaway agent from starving the others. Off by default.',
  });

export const limitsShape = z
  .strictObject({
    max_request_bytes: whole(1, GIB)
      .default(32 * 1024 * 1024)
      .meta({
        title: 'Body size',
        description: 'Largest request body, as sent and as inflated; above it 413.',
      }),
    max_request_header_bytes: whole(1, GIB)
      .optional()
      .meta({
        title: 'Header size',
        description: 'Request line and headers together; can only lower the built-in 262144. Above it 431.',
        examples: [65_536],
      }),
    max_url_length: whole(1, GIB)
      .optional()
      .meta({
        title: 'URL length',
        description: 'Longest path with query; above it 414.',
        examples: [8_192],
      }),
    max_buffered_bytes: whole(1, 1024 * GIB)
      .optional()
      .meta({
        title: 'Buffered bytes',
        description:
          'Bytes of inference requests that a process holds at once; above it new bodies wait up to ten seconds, then 529. By default 1 GiB or a quarter of the memory limit, whichever is less; workers share the quarter.',
        examples: [GIB],
      }),
    max_telemetry_bytes: whole(1, GIB)
      .default(4 * 1024 * 1024)
      .meta({
        title: 'Telemetry size',
        description: 'Largest telemetry body, as sent; above it 413.',
      }),
    per_developer: perDeveloperShape.optional(),
  })
  .meta({ title: 'Limits', description: 'Bounds on what a request may be.' });

export function checkLimits(limits: Valid<z.output<typeof limitsShape>> | undefined, report: Report): void {
  const {
    max_request_bytes: body,
    max_request_header_bytes: headers,
    max_buffered_bytes: buffered,
  } = limits ?? {};
  if (headers !== undefined && headers > MAX_HEADER_BYTES)
    report.warning(
      ['limits', 'max_request_header_bytes'],
      `has no effect: it can only lower the built-in ${MAX_HEADER_BYTES}`,
      'remove it',
    );
  if (body !== undefined && buffered !== undefined && buffered < body * SHARE_OF_ONE_SESSION)
    report.warning(
      ['limits', 'max_buffered_bytes'],
      `is too small for bodies of limits.max_request_bytes (${body}): one session may hold an eighth of it`,
      `raise it to ${body * SHARE_OF_ONE_SESSION}, or lower max_request_bytes`,
    );
}
