import { z } from 'zod';
import { whole } from './fields.ts';

/** Timers of the runtime fire at once above 2^31-1 ms; a day is far below. */
const DAY_MS = 86_400_000;

export const timeoutsShape = z
  .strictObject({
    upstream_ttfb_ms: whole(1, DAY_MS)
      .optional()
      .meta({
        title: 'Time to first byte',
        description:
          'How long an upstream may take to send the headers of a streamed answer, in milliseconds. By default 120000 for anthropic, and an hour for clouds.',
        examples: [120_000],
      }),
    upstream_idle_ms: whole(1, DAY_MS).default(600_000).meta({
      title: 'Silence',
      description: 'How long an upstream may be silent between bytes, in milliseconds.',
    }),
  })
  .meta({ title: 'Timeouts', description: 'How long upstreams are waited for.' });
