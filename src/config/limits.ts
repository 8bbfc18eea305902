import { z } from 'zod';
import { whole } from './fields.ts';

const GIB = 1024 ** 3;

const perDeveloperShape = z
  .strictObject({
    concurrent: whole(1, 100_000)
      .optional()
      .meta({
        title: 'Concurrent requests',
        description: 'Requests one developer may have open at once.',
        examples: [20],
        isLater: true,
      }),
    requests_per_minute: whole(1, 1_000_000)
      .optional()
      .meta({
        title: 'Requests per minute',
        description: 'Requests one developer may start in a minute.',
        examples: [300],
        isLater: true,
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
          'Request bytes that the process holds at once; above it new bodies wait. By default 1 GiB or a quarter of the memory limit.',
        examples: [GIB],
        isLater: true,
      }),
    max_telemetry_bytes: whole(1, GIB)
      .default(4 * 1024 * 1024)
      .meta({
        title: 'Telemetry size',
        description: 'Largest telemetry body.',
        isLater: true,
      }),
    per_developer: perDeveloperShape.optional(),
  })
  .meta({ title: 'Limits', description: 'Bounds on what a request may be.' });
