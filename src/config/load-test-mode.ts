import { z } from 'zod';
import { flag, whole } from './fields.ts';

export const loadTestModeShape = z
  .strictObject({
    enabled: flag()
      .refine((value) => !value, {
        error:
          'must be false: this gateway has no load test mode, its benchmark does that job (npm run bench)',
      })
      .meta({
        title: 'Enabled',
        description: 'Only false is possible: the benchmark does that job.',
        examples: [false],
      }),
    reply_tokens: whole(1, 100_000)
      .optional()
      .meta({ title: 'Reply tokens', description: 'Not used.', examples: [750] }),
    reply_seconds: z
      .number({ error: 'must be a number from 0 to 600' })
      .min(0, { error: 'must be a number from 0 to 600' })
      .max(600, { error: 'must be a number from 0 to 600' })
      .optional()
      .meta({ title: 'Reply seconds', description: 'Not used.', examples: [9.5] }),
  })
  .meta({ title: 'Load test mode', description: 'Accepted when switched off, so that existing files work.' });
