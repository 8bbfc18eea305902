import { z } from 'zod';

const VALUE = 'must be a string (put numbers and true/false in quotes)';

export const headersShape = z
  .record(
    z.string(),
    z
      .string({ error: VALUE })
      .min(1, { error: 'must not be empty' })
      .refine((value) => /^[\x20-\x7e]*$/.test(value), { error: 'must be printable ASCII', abort: true })
      .refine((value) => value === value.trim(), { error: 'must not begin or end with a blank' }),
    { error: 'must be a map from header name to value' },
  )
  .default({})
  .meta({
    title: 'Headers',
    description: 'Headers added to every request to this upstream.',
    examples: [{ 'x-cost-centre': 'platform' }],
  });
